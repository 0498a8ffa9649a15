import CheckpointCore
import Conversion
import FormatRegistry
import Foundation
import GraphRuntime
import TestKit
import Testing
import Verifier

/// The experiment of `Conformance/LayoutInference`: which layout is found for vectors that nobody described.
@Suite struct LayoutExperiment {
  private static let folder = Case.root + "/LayoutInference/"

  /// A vector, the graph of its network, one recorded answer, and the order in which its variables really lie.
  struct Vector: Sendable, CustomTestStringConvertible {
    let name: String
    let graph: String
    let vector: String
    let feeds: [(name: String, file: String)]
    let expects: [(name: String, file: String)]
    let truth: [Name]

    var testDescription: String { name }

    static let all: [Vector] = {
      do {
        let json = try JSONReader.parse(InputFile(folder + "experiment.json").contents(limit: 1 << 24))
        return (json.elements ?? []).map { one in
          func files(_ key: String) -> [(name: String, file: String)] {
            (one[key]?.members ?? []).map { (String(decoding: $0.key, as: UTF8.self), folder + ($0.value.text ?? "")) }
          }
          return Vector(
            name: one["name"]?.text ?? "", graph: folder + (one["graph"]?.text ?? ""),
            vector: folder + (one["vector"]?.text ?? ""), feeds: files("feeds"), expects: files("expects"),
            truth: (one["truth"]?.elements ?? []).compactMap(\.name))
        }
      } catch {
        Issue.record("the experiment cannot be read: \(error)")
        return []
      }
    }()
  }

  enum Verdict: String { case right, wrong, refused }

  private func inference(_ vector: Vector) throws -> LayoutInference {
    let bare = try #require(try Opening.open(vector.vector, as: "npy").store.variables.first)
    let source = try #require(try Opening.layoutSource(vector.graph))
    return try LayoutInference(bare.tensor, path: vector.vector, sources: [source], sibling: nil)
  }

  private func verdict(_ outcome: LayoutInference.Outcome, _ vector: Vector) -> Verdict {
    guard case .taken(let candidate, _) = outcome else { return .refused }
    return candidate.members.map(\.entry.name) == vector.truth ? .right : .wrong
  }

  private func withAnswer(_ vector: Vector) throws -> Verdict {
    func array(_ path: String) throws -> Tensor {
      try #require(try Opening.open(path, as: "npy").store.variables.first).tensor
    }
    let graph = try GraphLoader.load(vector.graph)
    let feeds = try vector.feeds.map { ($0.name, try array($0.file)) }
    let expects = try vector.expects.map { ($0.name, try array($0.file)) }
    let request = try GraphRequest(graph, feeds: feeds, fetches: expects.map(\.0), fillsPlaceholders: false)
    let answer = try RecordedAnswer(graph, request, expects)
    let outcome = try inference(vector).outcome { (layout) throws(CheckpointError) in
      let store = try Opening.open(vector.vector, as: "npy", options: ReadOptions(layout: layout)).store
      return try answer.reproduction(store)
    }
    return verdict(outcome, vector)
  }

  @Test func coversWhatItClaims() {
    let made = Vector.all.count { !$0.name.hasPrefix("legacy-flat/") }
    #expect(made >= 30)
    #expect(Vector.all.count - made == 9)
  }

  /// One recorded answer finds the right layout.
  @Test(arguments: Vector.all) func anAnswerFindsTheLayout(vector: Vector) throws {
    let verdict = try withAnswer(vector)
    #expect(verdict == .right)
    Counts.add(verdict, withAnswer: true)
  }

  /// Without one, the right layout or none.
  @Test(arguments: Vector.all) func withoutAnAnswerNoWrongLayoutIsTaken(vector: Vector) throws {
    let verdict = verdict(try inference(vector).outcome(answer: nil), vector)
    #expect(verdict != .wrong)
    Counts.add(verdict, withAnswer: false)
  }

  /// Nor where the vector's own layout is none that the graph would lead to: layers that changed places.
  @Test(arguments: Vector.all) func noWrongLayoutIsTakenForAForeignOrder(vector: Vector) throws {
    let bare = try #require(try Opening.open(vector.vector, as: "npy").store.variables.first)
    let source = try #require(try Opening.layoutSource(vector.graph))
    var random = RandomSource(seed: UInt64(vector.truth.count))
    let shapes = Dictionary(
      source.groups.flatMap(\.members).map { ($0.entry.name, $0.entry.shape) }, uniquingKeysWith: { a, _ in a })
    let bytes = try bare.tensor.bytes()
    let width = bytes.count / max(1, bare.tensor.shape.elementCount)
    for _ in 0..<3 {
      var parts: [(name: Name, bytes: ArraySlice<UInt8>)] = []
      var position = 0
      for name in vector.truth {
        let size = try #require(shapes[name]).elementCount * width
        parts.append((name, bytes[position..<position + size]))
        position += size
      }
      parts.shuffle(using: &random)
      let shuffled = try Tensor(
        dtype: bare.tensor.dtype, shape: bare.tensor.shape, storage: MemoryStorage(parts.flatMap(\.bytes)))
      let inference = try LayoutInference(shuffled, path: vector.vector, sources: [source], sibling: nil)
      guard case .taken(let candidate, let reason) = try inference.outcome(answer: nil) else { continue }
      #expect(candidate.members.map(\.entry.name) == parts.map(\.name), "\(reason)")
    }
  }
}

/// The figures of the README, printed when all are there.
private enum Counts {
  private static let lock = NSLock()
  nonisolated(unsafe) private static var counts: [String: Int] = [:]

  static func add(_ verdict: LayoutExperiment.Verdict, withAnswer: Bool) {
    lock.lock()
    defer { lock.unlock() }
    let key = withAnswer ? "with an answer" : "without an answer"
    unsafe counts["\(key), \(verdict.rawValue)", default: 0] += 1
    let all = LayoutExperiment.Vector.all.count
    let (done, seen) = unsafe (counts.values.reduce(0, +), counts)
    guard done == 2 * all else { return }
    print(
      "layout experiment, \(all) vectors: \(seen.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; "))"
    )
  }
}
