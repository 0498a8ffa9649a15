#if os(Linux)
  import CheckpointCore
  import FormatRegistry
  import TestKit
  import Testing
  import Verifier

  /// Conversions on a machine that fails: every call of every kind in turn, once and for good; and the power at every moment.
  @Suite(.serialized) struct FaultTests {
    /// A way to convert, and whether something is there already.
    struct Trial: CustomTestStringConvertible {
      let format: String
      let replacing: Bool
      let options: WriteOptions

      var testDescription: String { "\(format)\(replacing ? ", replacing" : "")" }

      static let all: [Trial] = ["tf-bundle", "tf-v1", "npy-flat", "npz", "safetensors"].flatMap { format in
        [false, true].map { replacing in
          Trial(
            format: format, replacing: replacing,
            options: WriteOptions(shards: format == "tf-bundle" ? 2 : nil, stateFile: format.hasPrefix("tf"), jobs: 1))
        }
      }

      /// The file that makes the output exist.
      var index: String {
        switch format {
        case "tf-bundle": "out/m.index"
        case "tf-v1": "out/m"
        case "npy-flat": "out/m.index.json"
        default: "out/m.\(format)"
        }
      }
    }

    private let folder: TemporaryFolder
    private let old: [Content]
    private let new: [Content]
    private let input: [UInt8]

    init() throws {
      folder = try TemporaryFolder()
      try folder.write("", to: "out/other")
      let store = try VariableStore([
        "a/w": .floats([2, 2], [1, 2, 3, 4]), "b": .floats([30], (0..<30).map { Float($0) }),
        "n": Tensor(.int64, [1], hex("0700000000000000")),
      ])
      try AllFormats.named("safetensors")?.save(store, to: folder("in"))
      input = try folder.read("in.safetensors")
      new = try store.contents()
      old = try VariableStore(["a/w": .floats([3], [9, 8, 7]), "n": Tensor(.int64, [], hex("0100000000000000"))])
        .contents()
    }

    /// What a person's conversion does: write, read back, compare, commit.
    private func convert(_ trial: Trial, from path: String? = nil) throws {
      let source = try Opening.open(path ?? folder("in.safetensors")).store
      let format = try #require(AllFormats.named(trial.format))
      let writer = try #require(format.writer)
      let store = try writer.prepare(source, options: trial.options).store
      var output = try StagedOutput(
        prefix: folder("out/m"), replacing: trial.replacing, protecting: store.source.files)
      try writer.write(store, to: &output, options: trial.options)
      try ByteComparison(jobs: 1, progress: nil).requireEqual(store, format.load(output.stagedPrefix))
      try source.source.requireUnchanged()
      _ = try output.commit()
    }

    /// Empties the folder of the output, and puts the old checkpoint there where one is to be replaced.
    private func reset(_ trial: Trial) throws {
      for name in Candidate.names(in: folder("out")) { try folder.remove("out/" + name) }
      guard trial.replacing else { return }
      var store = VariableStore(source: .init(format: "memory", path: ""))
      for content in old {
        let tensor = try Tensor(dtype: content.dtype, shape: content.shape, storage: MemoryStorage(content.bytes))
        try store.append(Variable(name: content.name, tensor: tensor, role: .other))
      }
      try AllFormats.named(trial.format)?.save(store, to: folder("out/m"), options: WriteOptions(jobs: 1))
    }

    private enum State { case old, new, absent, broken }

    private func state(_ trial: Trial, in folder: TemporaryFolder) -> State {
      guard Candidate.exists(folder(trial.index)) else { return .absent }
      guard let contents = try? AllFormats.named(trial.format)?.load(folder(trial.index)).contents() else {
        return .broken
      }
      return contents == new ? .new : contents == old ? .old : .broken
    }

    @Test(arguments: Trial.all, Faults.Failure.ofTheMachine)
    func everyCallThatFailsIsAnErrorAndLeavesTheOldOrTheNew(trial: Trial, failure: Faults.Failure) throws {
      var points = 0
      // A signal comes once; transfers that are all short are so from the first.
      for lasting in [.ioError, .diskFull].contains(failure) ? [false, true] : [false] {
        for nth in 1... {
          try reset(trial)
          var error: CheckpointError?
          let happened = Faults.run(in: folder.path, failure, at: nth, lasting: lasting) {
            error = TestKit.failure { try convert(trial) }
          }
          guard happened else { break }
          points += 1
          let what =
            "call \(nth) of those that can, \(lasting ? "and all later ones " : "")with \(failure): \(String(describing: error))"
          if let error { #expect([.io, .cannotCreate].contains(error.code), "\(what)") }
          switch (state(trial, in: folder), error == nil) {
          case (.new, _): break
          case (.old, false): #expect(trial.replacing, "\(what)")
          case (.absent, false): #expect(!trial.replacing, "\(what)")
          case (let state, _): Issue.record("\(state) after \(what)")
          }
          #expect(try folder.read("in.safetensors") == input, "\(what)")
          #expect(LeftOver.all(in: folder("out")).isEmpty, "\(what)")
          if failure == .interrupted || failure == .short { #expect(error == nil, "\(what)") }
        }
      }
      #expect(points >= 4)
    }

    /// A store in every format that has plain bytes, changed at each of its reads. A change before the reader opened the file for good is no
    /// change while it is read: then the store is read as it is now, or refused for what is wrong with it.
    @Test(arguments: ["tf-bundle", "tf-v1", "npy-flat", "npz", "safetensors"], Faults.Failure.ofTheSource)
    func aSourceThatChangesIsRefused(source: String, change: Faults.Failure) throws {
      let trial = Trial(format: "npz", replacing: false, options: WriteOptions(jobs: 1))
      var points = 0
      for nth in 1... {
        try reset(trial)
        for name in Candidate.names(in: folder("src")) { try folder.remove("src/" + name) }
        try folder.write("", to: "src/other")
        try AllFormats.named(source)?.save(
          AllFormats.named("safetensors").map { try $0.load(folder("in.safetensors")) } ?? VariableStore([:]),
          to: folder("src/in"))
        var error: CheckpointError?
        let happened = Faults.run(in: folder("src"), change, at: nth, lasting: false) {
          error = TestKit.failure { try convert(trial, from: folder("src/in")) }
        }
        guard happened else { break }
        points += 1
        let what = "\(change) at read \(nth) of \(source)"
        let state = state(trial, in: folder)
        if let error {
          #expect(
            [.io, .corrupt, .unsupported, .different].contains(error.code) && state == .absent, "\(what): \(error)")
        } else {
          let now = try AllFormats.named(source)?.load(folder("src/in")).contents()
          #expect(try AllFormats.named("npz")?.load(folder(trial.index)).contents() == now, "\(what)")
        }
        #expect(LeftOver.all(in: folder("out")).isEmpty, "\(what)")
      }
      #expect(points >= 5)
    }

    @Test(arguments: Trial.all) func thePowerMayFailAtAnyMoment(trial: Trial) throws {
      try reset(trial)
      var disk = Disk(
        try Dictionary(
          uniqueKeysWithValues: Candidate.names(in: folder("out")).map {
            (folder("out/" + $0), try folder.read("out/" + $0))
          }))
      let calls = try Faults.log(in: folder("out")) { try convert(trial) }
      #expect(state(trial, in: folder) == .new)
      var seen: Set<[String: [UInt8]]> = []
      for (i, call) in calls.enumerated() {
        disk.apply(call)
        for found in disk.possibilities where seen.insert(found).inserted {
          let after = try TemporaryFolder()
          try after.write("", to: "out/other")
          for (path, bytes) in found where splitPath(path).folder == folder("out") {
            try after.write(bytes, to: "out/" + splitPath(path).last)
          }
          let state = state(trial, in: after)
          let isWhole = state == .new || state == (trial.replacing ? .old : .absent)
          #expect(isWhole, "\(state) after call \(i), \(call.kind) \(call.path): \(after.names)")
        }
      }
      #expect(seen.count >= 5)
      // When the conversion is done, it is durable.
      for found in disk.possibilities {
        #expect(found[folder(trial.index)] == (try folder.read(trial.index)), "not durable at the end")
      }
    }
  }
#endif
