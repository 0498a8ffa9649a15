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
  .target(name: name, dependencies: dependencies, path: path, exclude: path == nil ? [] : ["FORMAT.md"], swiftSettings: house)
}

let package = Package(
  name: "ckpt-convert",
  platforms: [.macOS(.v15)],
  targets: [
    .target(name: "CCore", cSettings: c),
    .target(name: "CheckpointCore", dependencies: ["CCore"], swiftSettings: house),
    .target(name: "ProtoWire", dependencies: ["CheckpointCore"], swiftSettings: house),
    .target(name: "CKernels", cSettings: c),
    .target(
      name: "GraphRuntime", dependencies: ["ProtoWire", "CheckpointCore", "CKernels"], exclude: ["README.md"],
      swiftSettings: house),
    .testTarget(
      name: "GraphRuntimeTests", dependencies: ["GraphRuntime", "ProtoWire", "CheckpointCore"], swiftSettings: house),
  ]
)
