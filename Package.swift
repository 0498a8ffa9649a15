// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target; a warning is an error.
let house: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]
let c: [CSetting] = [.unsafeFlags(["-O3", "-Wall", "-Werror", "-fno-math-errno"])]

func target(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, path: path, exclude: path == nil ? [] : ["FORMAT.md"], swiftSettings: house)
}

func tests(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestKit"], path: path, swiftSettings: house)
}

let package = Package(
  name: "ckpt-convert",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "ckpt-convert", targets: ["ckpt-convert"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    .target(name: "CCore", cSettings: c),
    .target(
      name: "CheckpointCore", dependencies: ["CCore", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: house),
    .target(name: "ProtoWire", dependencies: ["CheckpointCore"], swiftSettings: house),
    .systemLibrary(name: "CSnappy", path: "System/CSnappy", providers: [.apt(["libsnappy-dev"]), .brew(["snappy"])]),
    .target(
      name: "TensorFlow", dependencies: ["CheckpointCore", "ProtoWire", "CSnappy"], path: "Formats/TensorFlow",
      swiftSettings: house),
    .target(name: "NumPy", dependencies: ["CheckpointCore"], path: "Formats/NumPy", swiftSettings: house),
    .target(name: "FormatRegistry", dependencies: ["CheckpointCore", "TensorFlow", "NumPy"], swiftSettings: house),
    .target(name: "Conversion", dependencies: ["CheckpointCore"], swiftSettings: house),
    .target(name: "Verifier", dependencies: ["CheckpointCore"], swiftSettings: house),
    .target(
      name: "Commands",
      dependencies: [
        "CheckpointCore", "Conversion", "FormatRegistry", "Verifier",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: house),
    .executableTarget(name: "ckpt-convert", dependencies: ["Commands"], swiftSettings: house),
    .target(name: "CKernels", cSettings: c),
    .target(
      name: "GraphRuntime", dependencies: ["ProtoWire", "CheckpointCore", "CKernels"], exclude: ["README.md"],
      swiftSettings: house),
    // Tests. TestKit is what they share.
    .target(name: "TestKit", dependencies: ["CheckpointCore"], path: "Tests/TestKit", swiftSettings: house),
    tests("CheckpointCoreTests", ["CCore", "CheckpointCore"]),
    tests("GraphRuntimeTests", ["CheckpointCore", "ProtoWire", "GraphRuntime"]),
  ]
)
