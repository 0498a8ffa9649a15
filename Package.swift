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

/// A room of the house: `Sources/<name>`.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: house)
}

/// A family of formats: `Formats/<name>`, one folder with its FORMAT.md per format.
func family(_ name: String, formats: [String], _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Formats/\(name)", exclude: formats.map { "\($0)/FORMAT.md" },
    swiftSettings: house)
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
    room("CheckpointCore", ["CCore", .product(name: "Crypto", package: "swift-crypto")]),
    room("ProtoWire", ["CheckpointCore"]),
    .systemLibrary(name: "CSnappy", path: "System/CSnappy", providers: [.apt(["libsnappy-dev"]), .brew(["snappy"])]),

    family(
      "TensorFlow", formats: ["Bundle", "Frozen", "Graph", "SavedModel", "State", "V1"],
      ["CheckpointCore", "ProtoWire", "CSnappy"]),
    family("NumPy", formats: ["Flat", "Npy", "Pickle"], ["CheckpointCore"]),
    room("FormatRegistry", ["CheckpointCore", "TensorFlow", "NumPy"]),

    .target(name: "CKernels", exclude: ["README.md"], cSettings: c),
    .target(
      name: "GraphRuntime", dependencies: ["CheckpointCore", "ProtoWire", "CKernels"], exclude: ["README.md"],
      swiftSettings: house),

    room("Conversion", ["CheckpointCore"]),
    room("Verifier", ["CheckpointCore", "ProtoWire", "GraphRuntime"]),
    room(
      "Commands",
      [
        "CCore", "CheckpointCore", "Conversion", "FormatRegistry", "GraphRuntime", "ProtoWire",
        "Verifier", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "ckpt-convert", dependencies: ["Commands"], swiftSettings: house),
    // Tests. TestKit is what they share.
    .target(
      name: "TestKit", dependencies: ["CheckpointCore", "ProtoWire"], path: "Tests/TestKit", swiftSettings: house),
    tests("CheckpointCoreTests", ["CCore", "CheckpointCore"]),
    tests("GraphRuntimeTests", ["CheckpointCore", "ProtoWire", "GraphRuntime"]),
    tests("ProtoWireTests", ["CheckpointCore", "ProtoWire"]),
    tests("TensorFlowTests", ["CSnappy", "CheckpointCore", "ProtoWire", "TensorFlow"]),
    tests("NumPyTests", ["CheckpointCore", "NumPy"]),
    tests("ConversionTests", ["CheckpointCore", "Conversion"]),
    tests("FormatRegistryTests", ["CheckpointCore", "FormatRegistry"]),
    tests("VerifierTests", ["CheckpointCore", "Verifier"]),
    tests("TranscriptTests", ["CheckpointCore"]),
    tests("ConformanceTests", path: "Conformance/Runner", ["CheckpointCore", "FormatRegistry", "Verifier"]),
  ]
)
