import CheckpointCore

/// What the damaged variables of a checkpoint have in common: the sentence that a person needs instead of a hundred wrong sums.
struct Diagnosis {
  private(set) var causes: [CheckpointError] = []
  private(set) var suspicions: [CheckpointError] = []

  private let store: VariableStore
  private let zeros: [ZeroRuns]
  /// The variables with bytes in each file.
  private let variablesIn: [String: [Variable]]
  /// Bytes that may still be read to find out where the bytes of exchanged files are: as many as the checkpoint has, and some.
  private var searchable: Int

  /// A variable that is not sound, by its index.
  private struct Damaged {
    let index: Int
    let error: CheckpointError
  }

  init(_ store: VariableStore, _ verdicts: [Checkup.Verdict], _ zeros: [ZeroRuns]) {
    self.store = store
    self.zeros = zeros
    variablesIn = Dictionary(grouping: store.variables.filter { $0.tensor.storage.path != nil }) {
      $0.tensor.storage.path ?? ""
    }
    searchable = [store.byteCount, 1 << 26].saturatingSum
    var byFile: [String: [Damaged]] = [:]
    var order: [String] = []
    func note(_ file: String, _ damaged: Damaged? = nil) {
      if byFile[file] == nil { order.append(file) }
      byFile[file, default: []] += damaged.map { [$0] } ?? []
    }
    for (i, verdict) in verdicts.enumerated() {
      if case .damaged(let error) = verdict { note(error.file ?? store.source.path, Damaged(index: i, error: error)) }
    }
    for error in store.source.lost { note(error.file ?? store.source.path) }
    for file in order {
      if let foreign = ForeignContent.describe(file) {
        causes.append(foreign.at(file: file))
      } else {
        causes += causes(in: file, byFile[file] ?? [])
      }
    }
    causes += lostCauses(besides: Set(causes.map(\.file)))
    if causes.isEmpty { suspicions = suspiciousTails() }
  }

  private mutating func causes(in file: String, _ damaged: [Damaged]) -> [CheckpointError] {
    let wrong = damaged.filter { $0.error.damage == .checksum || $0.error.damage == .zeroFilled }
    if let exchanged = exchanged(file, wrong) { return [exchanged] }
    var causes: [CheckpointError] = []
    // Errors that say themselves what happened to the file; one of each kind stands for all.
    for kind in [DamageKind.missingFile, .truncated] {
      let these = damaged.filter { $0.error.damage == kind }
      if let error = these.first?.error { causes.append(named(error, these)) }
    }
    // A number that is zero is none that was never written, unless there are more of them.
    let isZeroFilled = wrong.contains { zeros[$0.index].longest.count >= ZeroRuns.blockSize }
    let zeroed = wrong.filter { isZeroFilled && isMostlyZero($0.index) }
    if !zeroed.isEmpty { causes.append(zeroFilled(file, zeroed)) }
    let mixed = wrong.filter { !isZeroFilled || !isMostlyZero($0.index) }
    if !mixed.isEmpty { causes.append(mixed.count < 2 ? differing(file, mixed) : mixedUp(file, mixed)) }
    let rest = damaged.filter { one in
      ![.missingFile, .truncated, .checksum, .zeroFilled].contains(one.error.damage)
    }
    if let error = rest.first?.error { causes.append(named(error, rest)) }
    return causes
  }

  /// Of what could not become a variable: one error for each file and kind, that of the whole file where there is one.
  private func lostCauses(besides known: Set<String?>) -> [CheckpointError] {
    var order: [String] = []
    var chosen: [String: CheckpointError] = [:]
    for error in store.source.lost where !known.contains(error.file ?? store.source.path) {
      let key = "\(error.file ?? "") \(error.damage?.rawValue ?? error.message)"
      if chosen[key] == nil { order.append(key) }
      if chosen[key] == nil || error.variable == nil { chosen[key] = error }
    }
    return order.compactMap { chosen[$0] }
  }

  // MARK: Zeros

  /// Whether what is wrong with a variable may be that it was never written: a long run of zeros, or nothing else.
  private func isMostlyZero(_ index: Int) -> Bool {
    let run = zeros[index].longest
    return !run.isEmpty && (run.count >= ZeroRuns.blockSize || run.count == store.variables[index].tensor.byteCount)
  }

  private func zeroFilled(_ file: String, _ damaged: [Damaged]) -> CheckpointError {
    // In the file, where the bytes lie there as they are.
    let places = damaged.compactMap { one -> Range<Int>? in
      guard let storage = store.variables[one.index].tensor.storage as? FileStorage else { return nil }
      let run = zeros[one.index].longest
      return storage.offset + run.lowerBound..<storage.offset + run.upperBound
    }
    let place =
      if let first = places.map(\.lowerBound).min(), let end = places.map(\.upperBound).max() {
        "bytes \(first) to \(end) are zeros, wholly or for the most part"
      } else {
        "long runs of its bytes are zeros"
      }
    return CheckpointError(
      .corrupt, "\(place), where \(names(damaged)) should be",
      remedy: "not all of the file was written or downloaded: fetch or copy it again; --salvage keeps the rest"
    ).at(file: file).because(.zeroFilled)
  }

  /// Bytes of zeros at the end of a file from which on a download is suspected to be unfinished.
  private static let suspiciousTail = 4096

  /// Files without sums that end in zeros which begin inside a variable: nobody's initial values do.
  private func suspiciousTails() -> [CheckpointError] {
    var suspicions: [CheckpointError] = []
    for file in store.source.files {
      guard let start = zeroTail(of: file), file.size - start >= Diagnosis.suspiciousTail else { continue }
      let cut = variablesIn[file.path, default: []].first { variable in
        guard let storage = variable.tensor.storage as? FileStorage, storage.file === file,
          storage.recordedSum == nil
        else { return false }
        // Numbers end in zero bytes too; a cut leaves more.
        return storage.offset + 64 < start && start + 64 < storage.offset + storage.byteCount
      }
      guard let cut else { continue }
      suspicions.append(
        CheckpointError(
          .corrupt,
          "the last \(file.size - start) bytes are zeros, from the middle of '\(cut.name)' on, and the format has no checksum that could tell",
          remedy: "if that is not what was trained, the download was not finished: fetch the file again"
        ).at(file: file.path).because(.zeroFilled))
    }
    return suspicions
  }

  /// Where the zeros begin that a file ends in; nil where it does not.
  private func zeroTail(of file: InputFile) -> Int? {
    var end = file.size
    while end > 0 {
      let count = min(end, ChunkBuffer.capacity)
      guard let bytes = try? file.bytes(at: end - count, count: count) else { return nil }
      if let last = bytes.lastIndex(where: { $0 != 0 }) { return end - count + last + 1 }
      end -= count
    }
    return 0
  }

  // MARK: Other bytes

  private func mixedUp(_ file: String, _ damaged: [Damaged]) -> CheckpointError {
    let proven = variablesIn[file, default: []].filter {
      $0.tensor.storage.recordedSum != nil && $0.tensor.byteCount > 0
    }
    // Counters and constants may be the same in two checkpoints.
    let isThere = damaged.allSatisfy { store.variables[$0.index].tensor.storage.missing == nil }
    guard isThere, 4 * damaged.count >= 3 * proven.count else { return differing(file, damaged) }
    let others = store.source.files.count > 2 ? "the other files of this checkpoint" : "its index"
    return CheckpointError(
      .corrupt,
      "\(damaged.count == proven.count ? "none" : "almost none") of the \(proven.count) variables in it has the checksum that the index says: it belongs to another checkpoint than \(others)",
      remedy: "copy all files of one checkpoint together"
    ).at(file: file).because(.otherCheckpoint)
  }

  private mutating func exchanged(_ file: String, _ damaged: [Damaged]) -> CheckpointError? {
    guard let other = holder(of: damaged, not: file) else { return nil }
    return CheckpointError(
      .corrupt, "holds another part of the checkpoint: the bytes that should be in it are in \(other)",
      remedy: "the two were exchanged: give each its own name again"
    ).at(file: file).because(.exchangedShards)
  }

  /// The file of the same checkpoint that holds, at the same offsets, the bytes that another one should.
  private mutating func holder(of damaged: [Damaged], not file: String) -> String? {
    let wanted = damaged.compactMap { store.variables[$0.index].tensor.storage as? FileStorage }
      .filter { $0.crc32c != nil && $0.byteCount > 4 }.sorted { $0.byteCount < $1.byteCount }.prefix(3)
    guard !wanted.isEmpty else { return nil }
    for other in store.source.files where other.path != file {
      var isThere = true
      for storage in wanted where isThere {
        // Every look costs a little, however few bytes it is for.
        searchable -= storage.byteCount + 1024
        guard searchable > 0 else { return nil }
        let there = try? FileStorage(
          other, offset: storage.offset, byteCount: storage.byteCount, crc32c: storage.crc32c)
        isThere = (try? there?.verify()) != nil
      }
      if isThere { return splitPath(other.path).last }
    }
    return nil
  }

  private func differing(_ file: String, _ damaged: [Damaged]) -> CheckpointError {
    CheckpointError(
      .corrupt, "the bytes of \(names(damaged)) are not those that the checksum was taken of",
      remedy:
        "the file was changed or damaged after it was written: fetch or copy it again; --salvage keeps the rest"
    ).at(file: file).because(.checksum)
  }

  // MARK: Words

  private func named(_ error: CheckpointError, _ damaged: [Damaged]) -> CheckpointError {
    guard error.damage != nil else { return error }
    return CheckpointError(
      error.code, "\(error.message); \(names(damaged)) \(damaged.count == 1 ? "is" : "are") lost", remedy: error.remedy
    )
    .at(file: error.file).because(error.damage ?? .checksum)
  }

  private func names(_ damaged: [Damaged]) -> String {
    let shown = damaged.prefix(3).map { "'\(store.variables[$0.index].name)'" }.joined(separator: ", ")
    return damaged.count > 3 ? "\(shown) and \(damaged.count - 3) more" : shown
  }
}
