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
    .systemLibrary(name: "CZlib", path: "System/CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    room("CheckpointCore", ["CCore", .product(name: "Crypto", package: "swift-crypto")]),
    room("ZipArchive", ["CheckpointCore", "CZlib"]),
    room("ProtoWire", ["CheckpointCore"]),
    .systemLibrary(name: "CSnappy", path: "System/CSnappy", providers: [.apt(["libsnappy-dev"]), .brew(["snappy"])]),

    .systemLibrary(
      name: "CDeflate", path: "System/CDeflate", providers: [.apt(["libdeflate-dev"]), .brew(["libdeflate"])]),
    // The headers only: the library is loaded by the worker, when there is one. Debian keeps them in a folder of their own.
    .target(
      name: "CHDF5", dependencies: ["CCore"],
      cSettings: c + [.unsafeFlags(["-I/usr/include/hdf5/serial", "-I/opt/homebrew/include"])]),
    .target(
      name: "HDF5Library", dependencies: ["CCore", "CDeflate", "CHDF5", "CheckpointCore"], exclude: ["README.md"],
      swiftSettings: house),

    family(
      "TensorFlow", formats: ["Bundle", "Frozen", "Graph", "Objects", "SavedModel", "State", "V1"],
      ["CheckpointCore", "ProtoWire", "CSnappy"]),
    family("NumPy", formats: ["Flat", "Npy", "Npz", "Pickle"], ["CheckpointCore", "ZipArchive"]),
    family("HDF5", formats: ["Tree", "KerasH5", "KerasV3"], ["CheckpointCore", "HDF5Library", "ZipArchive"]),
    family("Safetensors", formats: ["."], ["CheckpointCore"]),
    room("Inspection", ["CheckpointCore"]),
    room("FormatRegistry", ["CheckpointCore", "Inspection", "TensorFlow", "NumPy", "HDF5", "Safetensors"]),

    .target(name: "CKernels", exclude: ["README.md"], cSettings: c),
    .target(
      name: "GraphRuntime", dependencies: ["CheckpointCore", "ProtoWire", "CKernels"], exclude: ["README.md"],
      swiftSettings: house),

    room("Reports", ["CheckpointCore"]),
    room("Conversion", ["CheckpointCore", "ProtoWire"]),
    room("Verifier", ["CheckpointCore", "ProtoWire", "GraphRuntime"]),
    room("Trial", ["CheckpointCore"]),
    room(
      "Conformance", ["CCore", "CheckpointCore", "FormatRegistry", "GraphRuntime", "ProtoWire", "Trial", "Verifier"]),
    room(
      "Commands",
      [
        "CCore", "CheckpointCore", "Conformance", "Conversion", "FormatRegistry", "GraphRuntime", "HDF5Library",
        "Inspection",
        "ProtoWire", "Reports", "Verifier", "ZipArchive",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "ckpt-convert", dependencies: ["Commands"], swiftSettings: house),
    // Tests. TestKit is what they share.
    .target(
      name: "TestKit", dependencies: ["CheckpointCore", "ProtoWire", "Trial"], path: "Tests/TestKit",
      swiftSettings: house),
    .executableTarget(
      name: "mutate", dependencies: ["CheckpointCore", "TestKit"], path: "Tests/Mutations", exclude: ["README.md"],
      swiftSettings: house),
    tests("CheckpointCoreTests", ["CCore", "CheckpointCore"]),
    tests("GraphRuntimeTests", ["CheckpointCore", "ProtoWire", "GraphRuntime", "Trial", "ckpt-convert"]),
    tests("ProtoWireTests", ["CheckpointCore", "ProtoWire"]),
    tests("ZipArchiveTests", ["CheckpointCore", "ZipArchive"]),
    tests("TensorFlowTests", ["CSnappy", "CheckpointCore", "ProtoWire", "TensorFlow"]),
    tests("NumPyTests", ["CheckpointCore", "NumPy", "ZipArchive"]),
    tests("HDF5LibraryTests", ["CheckpointCore", "HDF5Library", "ckpt-convert"]),
    tests("HDF5Tests", ["CheckpointCore", "FormatRegistry", "HDF5", "HDF5Library", "ckpt-convert"]),
    tests("SafetensorsTests", ["CheckpointCore", "Safetensors"]),
    tests("KerasTests", ["CheckpointCore", "HDF5"]),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "CheckpointCore", "Conversion", "FormatRegistry", "GraphRuntime", "HDF5", "HDF5Library", "ProtoWire", "TestKit",
        "Verifier",
      ],
      path: "Tests/Fuzz/Targets", swiftSettings: house),
    .executableTarget(
      name: "fuzz", dependencies: ["CheckpointCore", "FuzzTargets", "ckpt-convert"], path: "Tests/Fuzz/Runner",
      swiftSettings: house),
    tests("FuzzTests", ["CheckpointCore", "FuzzTargets"]),
    tests("ConversionTests", ["CheckpointCore", "Conversion", "ProtoWire"]),
    tests("FormatRegistryTests", ["CheckpointCore", "FormatRegistry"]),
    .target(name: "CFaults", path: "Tests/CFaults"),
    tests("FaultTests", ["CFaults", "CheckpointCore", "FormatRegistry", "Verifier"]),
    tests("ReportsTests", ["CheckpointCore", "Reports"]),
    tests("VerifierTests", ["CheckpointCore", "Verifier"]),
    tests("InspectionTests", ["CheckpointCore", "FormatRegistry", "Inspection"]),
    tests("CommandsTests", ["CheckpointCore", "Commands"]),
    tests("TranscriptTests", ["CheckpointCore"]),
    tests(
      "ConformanceTests", path: "Conformance/Runner",
      [
        "CheckpointCore", "Conformance", "Conversion", "FormatRegistry", "GraphRuntime", "HDF5Library", "Verifier",
        "ckpt-convert",
      ]),
  ]
)

// For libFuzzer (Scripts/fuzz): everything instrumented, with the address sanitizer.
if Context.environment["CKPT_FUZZ"] != nil {
  for target in package.targets where target.type == .regular || target.type == .executable {
    if target.name.hasPrefix("C") && target.swiftSettings == nil {
      target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]
    } else {
      target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer,address", "-DLIBFUZZER"])]
    }
    if target.name == "fuzz" { target.linkerSettings = [.unsafeFlags(["-sanitize=fuzzer,address"])] }
  }
}
