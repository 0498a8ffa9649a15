package import CheckpointCore

/// What two checkpoints have in common and where they differ: names, dtypes, shapes, values, roles.
package struct StoreDifference: Sendable {
  /// A variable that both have, and how the second's differs.
  package struct Change: Sendable {
    package let first: Variable
    package let second: Variable
    /// Of values with the same dtype and shape; nil where those differ.
    package let distance: ValueDistance?
    /// Why the values could not be compared.
    package let failure: CheckpointError?

    package var isSameForm: Bool {
      first.tensor.dtype == second.tensor.dtype && first.tensor.shape == second.tensor.shape
    }
    /// Roles are concluded and not stored, so that they differ in no file.
    package var hasOtherRole: Bool { first.role != second.role }

    /// Whether nothing but names and roles differs.
    package func isEqual(within tolerance: Tolerance) -> Bool {
      guard failure == nil, let distance else { return false }
      return tolerance.isExact ? distance.isEqual : distance.isWithinTolerance
    }
  }

  /// What is compared.
  package struct Request: Sendable {
    package var tolerance = Tolerance.exact
    /// Names of the second for those of the first, where they differ.
    package var names: [Name: Name] = [:]
    /// Whether values are compared; a graph's variables have none.
    package var comparesValues = true
    /// Whether names that only one has are brought together.
    package var suggestsNames = true
    package var jobs = 1
    package var progress: Progress?

    package init() {}
  }

  /// Variables that both have, in the order of the first.
  package let common: [Change]
  package let onlyFirst: [Variable]
  package let onlySecond: [Variable]
  /// Names that only one has and that may mean the same, the surest first.
  package let suggestions: [NameSuggestion]
  private let tolerance: Tolerance

  package init(
    _ first: VariableStore, _ second: VariableStore, _ request: Request
  ) throws(CheckpointError) {
    tolerance = request.tolerance
    var pairs: [(Variable, Variable)] = []
    var onlyFirst: [Variable] = []
    var seen: Set<Name> = []
    for variable in first.variables {
      let name = request.names[variable.name] ?? variable.name
      guard let other = second[name] else {
        onlyFirst.append(variable)
        continue
      }
      guard seen.insert(name).inserted else {
        throw CheckpointError(
          .usage, "two variables of the first would be compared with '\(name)' of the second",
          remedy: "the map must lead each name to another one"
        ).at(variable: variable.name)
      }
      pairs.append((variable, other))
    }
    let onlySecond = second.variables.filter { !seen.contains($0.name) }
    common = try StoreDifference.changes(pairs, request)
    self.onlyFirst = onlyFirst
    self.onlySecond = onlySecond
    suggestions = request.suggestsNames ? try NameSuggestion.of(onlyFirst, onlySecond, request) : []
  }

  package var changed: [Change] { common.filter { !isEqual($0) } }
  package func isEqual(_ change: Change) -> Bool { change.isSameForm && change.isEqual(within: tolerance) }
  package var isSame: Bool { onlyFirst.isEmpty && onlySecond.isEmpty && common.allSatisfy(isEqual) }

  /// Compares the values of pairs of one dtype and shape, all of them at once.
  static func changes(
    _ pairs: [(Variable, Variable)], _ request: Request
  ) throws(CheckpointError) -> [Change] {
    func isSameForm(_ pair: (Variable, Variable)) -> Bool {
      pair.0.tensor.dtype == pair.1.tensor.dtype && pair.0.tensor.shape == pair.1.tensor.shape
    }
    // Strings differ in length, so that their bytes are not side by side; variants are opaque.
    let plain = pairs.indices.filter {
      request.comparesValues && isSameForm(pairs[$0]) && pairs[$0].0.tensor.dtype.width != nil
    }
    let visitor = PairVisitor(plain.map { pairs[$0].0.tensor }, plain.map { pairs[$0].1.tensor }, request.tolerance)
    let outcomes = try TensorSweep(jobs: request.jobs, progress: request.progress).run(
      visitor.second, visitor, isSequential: { visitor.first[$0].storage.isSequential })
    var results: [Int: (ValueDistance?, CheckpointError?)] = [:]
    for (i, outcome) in zip(plain, outcomes) {
      let failure = outcome.failure ?? outcome.part.failure(of: pairs[i].0.tensor.storage)
      results[i] = (failure == nil ? outcome.part.distance : nil, failure?.at(variable: pairs[i].0.name))
    }
    return try pairs.enumerated().map { (i, pair) throws(CheckpointError) in
      if !request.comparesValues || pair.0.tensor.dtype == .variant, isSameForm(pair) {
        return Change(
          first: pair.0, second: pair.1, distance: ValueDistance(pair.0.tensor, request.tolerance), failure: nil)
      }
      if pair.0.tensor.dtype == .string, isSameForm(pair) { return try stringChange(pair, request.tolerance) }
      return Change(first: pair.0, second: pair.1, distance: results[i]?.0, failure: results[i]?.1)
    }
  }

  private static func stringChange(
    _ pair: (Variable, Variable), _ tolerance: Tolerance
  ) throws(CheckpointError) -> Change {
    do throws(CheckpointError) {
      let distance = try ValueDistance(found: pair.1.tensor, expected: pair.0.tensor, tolerance: tolerance)
      return Change(first: pair.0, second: pair.1, distance: distance, failure: nil)
    } catch {
      guard error.code != .interrupted else { throw error }
      return Change(first: pair.0, second: pair.1, distance: nil, failure: error.at(variable: pair.0.name))
    }
  }
}

/// Reads the tensors of the first beside those of the second, which the sweep reads.
private struct PairVisitor: SweepVisitor {
  let first: [Tensor]
  let second: [Tensor]
  private let tolerance: Tolerance

  init(_ first: [Tensor], _ second: [Tensor], _ tolerance: Tolerance) {
    (self.first, self.second, self.tolerance) = (first, second, tolerance)
  }

  struct Part: Sendable {
    var distance: ValueDistance
    /// Of the first's bytes.
    var sums: Checksums
    var count = 0

    func failure(of storage: any TensorStorage) -> CheckpointError? {
      do throws(CheckpointError) {
        try sums.require(recordedBy: storage)
        return nil
      } catch {
        return error.at(file: storage.path)
      }
    }
  }

  struct Scratch {
    var bytes = [UInt8](repeating: 0, count: ChunkBuffer.capacity)
    var numbers = ValueDistance.Numbers()
  }

  func scratch() -> Scratch { Scratch() }

  func part(of tensor: Int) -> Part {
    Part(distance: ValueDistance(first[tensor], tolerance), sums: Checksums(recordedBy: first[tensor].storage))
  }

  func append(_ next: Part, to part: inout Part) {
    part.distance.append(next.distance)
    part.sums.append(next.sums, count: next.count)
    part.count += next.count
  }

  func visit(
    _ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout Part, _ scratch: inout Scratch
  ) throws(CheckpointError) {
    let storage = first[tensor].storage
    if let missing = storage.missing { throw missing }
    if offset == 0, !storage.hasSum { try storage.verify() }
    // Taken out of the scratch, whose numbers are lent at the same time.
    var bytes: [UInt8] = []
    swap(&bytes, &scratch.bytes)
    defer { swap(&bytes, &scratch.bytes) }
    var mine = bytes.mutableRawSpan(0..<chunk.byteCount)
    try storage.read(into: &mine, at: offset)
    part.sums.update(bytes.rawSpan.extracting(0..<chunk.byteCount))
    part.count += chunk.byteCount
    part.distance.add(
      chunk, expected: bytes.rawSpan.extracting(0..<chunk.byteCount), at: offset, &scratch.numbers)
  }
}
