import CheckpointCore
import FormatRegistry
import TestKit

extension FuzzTarget {
  /// Those that take milliseconds and more for an input.
  /// - Parameter cases: the folder `Conformance/Cases`.
  public static func slow(cases: String) throws -> [FuzzTarget] {
    let native = ["tf-bundle", "tf-v1", "npy-flat", "npz", "safetensors"]
    let targets = [
      stores("stores", formats: native), stores("stores-hdf5", formats: native + ["hdf5"]),
      FuzzTarget(
        "hdf5", file: "in.h5", seeds: try Mutator.hdf5Seeds(below: cases).map { Seed(bytes: $0.bytes) }
      ) { path in try Opening.open(path, as: "hdf5").store.sum() },
    ]
    // Dozens of conversions; a worker of HDF5, whose time is its own, has two seconds for a request.
    return targets.map { target in
      var patient = target
      patient.patience = 20
      return patient
    }
  }

  /// A random store, which the input decides, through every ordered pair of formats: what both can hold comes back as it was.
  static func stores(_ name: String, formats names: [String]) -> FuzzTarget {
    FuzzTarget(
      name, file: "in",
      seeds: [Seed(bytes: Array("sixty-four bytes, of which any change gives quite another store.".utf8))]
    ) { path in
      let sum = CRC32C(of: try InputFile(path).contents(limit: 1 << 20)).value
      var random = RandomSource(seed: UInt64(sum))
      let all = try random.store(count: 30)
      let formats = names.compactMap { AllFormats.named($0) }
      let folder = try TemporaryFolder()
      for (i, first) in formats.enumerated() {
        let source = try held(by: [first], all)
        try first.save(source, to: folder("\(i)"))
        let read = try first.load(folder("\(i)"))
        for (j, second) in formats.enumerated() {
          let expected = try held(by: [first, second], all)
          let kept = Set(expected.variables.map(\.name))
          let target = folder("\(i)-\(j)")
          try second.save(try read.replacing(read.variables.filter { kept.contains($0.name) }), to: target)
          guard try second.load(target).contents() == expected.contents() else {
            throw Surprise(what: "\(first.name) to \(second.name): the store of sum \(sum) comes back as another")
          }
        }
      }
      return sum
    }
  }

  /// What all of some formats can hold of a store.
  private static func held(by formats: [CheckpointFormat], _ store: VariableStore) throws -> VariableStore {
    let lost = Set(formats.flatMap { $0.writer?.losses(writing: store).map(\.variable) ?? [] })
    // V1 has numbers for truth values, and random bytes are other numbers than theirs.
    return try store.replacing(store.variables.filter { !lost.contains($0.name) && $0.tensor.dtype != .bool })
  }
}
