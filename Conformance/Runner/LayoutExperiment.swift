import CheckpointCore
import FormatRegistry
import Foundation
import GraphRuntime
import TestKit
import Testing
import Verifier

@testable import Conversion

/// The experiment of `Conformance/LayoutInference`: which layout is found for vectors that nobody described.
@Suite struct LayoutExperiment {
  private static let folder = ConformanceTests.root + "/LayoutInference/"

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
    Counts.add(verdict, "with an answer")
  }

  /// Without one, the right layout or none.
  @Test(arguments: Vector.all) func withoutAnAnswerNoWrongLayoutIsTaken(vector: Vector) throws {
    let verdict = verdict(try inference(vector).outcome(answer: nil), vector)
    #expect(verdict != .wrong)
    Counts.add(verdict, "with the graph alone")
  }

  /// The variables of a vector as it really lies.
  private func parts(_ vector: Vector) throws -> [Part] {
    let bare = try #require(try Opening.open(vector.vector, as: "npy").store.variables.first)
    let source = try #require(try Opening.layoutSource(vector.graph))
    let members = Dictionary(
      source.groups.flatMap(\.members).map { ($0.entry.name, $0) }, uniquingKeysWith: { a, _ in a })
    let numbers = try VectorNumbers(bare.tensor)
    var position = 0
    return try vector.truth.map { name in
      let member = try #require(members[name])
      let end = position + member.entry.shape.elementCount
      defer { position = end }
      var values: [Double] = []
      for start in stride(from: position, to: end, by: VectorNumbers.sampleSize) {
        values += try numbers.sample(start..<min(end, start + VectorNumbers.sampleSize))
      }
      return Part(member: member, values: values)
    }
  }

  private struct Part {
    let member: LayoutSource.Member
    var values: [Double]

    /// The layer, with slots and averages.
    var layer: [UInt8] {
      let name = (member.owner ?? member.entry.name).bytes
      return Array(name[..<(name.lastIndex(of: UInt8(ascii: "/")) ?? name.endIndex)])
    }
  }

  private func verdict(
    _ parts: [Part], _ vector: Vector, sibling: VariableStore?
  ) throws -> (verdict: Verdict, reason: String) {
    let values = parts.flatMap(\.values)
    var bytes: [UInt8] = []
    for value in values { bytes.appendLittleEndian(value.bitPattern, count: 8) }
    let tensor = try Tensor(.float64, [values.count], bytes)
    let source = try #require(try Opening.layoutSource(vector.graph))
    let inference = try LayoutInference(tensor, path: vector.vector, sources: [source], sibling: sibling)
    guard case .taken(let candidate, let reason) = try inference.outcome(answer: nil) else { return (.refused, "") }
    return (candidate.members.map(\.entry.name) == parts.map(\.member.entry.name) ? .right : .wrong, reason)
  }

  /// The vector's variables in orders that the graph may or may not lead to: shuffled, and shuffled layer by layer.
  private func orders(_ parts: [Part], seed: Int) -> [[Part]] {
    var random = RandomSource(seed: UInt64(seed))
    var layers: [[Part]] = []
    for part in parts {
      if let known = layers.firstIndex(where: { $0[0].layer == part.layer }) {
        layers[known].append(part)
      } else {
        layers.append([part])
      }
    }
    return (0..<2).map { i in
      i.isMultiple(of: 2) ? parts.shuffled(using: &random) : layers.shuffled(using: &random).flatMap { $0 }
    }
  }

  /// Nor where the vector's own layout is none that the graph would lead to: layers that changed places.
  @Test(arguments: Vector.all) func noWrongLayoutIsTakenForAForeignOrder(vector: Vector) throws {
    for order in orders(try parts(vector), seed: vector.truth.count) {
      let (verdict, reason) = try verdict(order, vector, sibling: nil)
      #expect(verdict != .wrong, "\(reason)")
    }
  }

  /// Another state of the same training finds most layouts; neither it nor another training leads to a wrong one.
  @Test(arguments: Vector.all) func anotherCheckpointLeadsToNoWrongLayout(vector: Vector) throws {
    let all = try parts(vector)
    var random = RandomSource(seed: UInt64(all.count))
    func sibling(_ change: (Part, inout RandomSource) -> [Double]) throws -> VariableStore {
      var store = VariableStore(source: .init(format: "memory", path: "memory"))
      for part in all {
        var bytes: [UInt8] = []
        for value in change(part, &random) { bytes.appendLittleEndian(value.bitPattern, count: 8) }
        let tensor = try Tensor(
          dtype: .float64, shape: part.member.entry.shape, storage: MemoryStorage(bytes))
        try store.append(Variable(name: part.member.entry.name, tensor: tensor, role: part.member.role))
      }
      return store
    }
    let same = try sibling { part, random in
      let scale = 0.5 * part.values.deviation
      return part.values.map { $0 + scale * Double.random(in: -1...1, using: &random) }
    }
    let stranger = try sibling { part, random in
      let scale = Double.random(in: 0.5...2, using: &random)
      return part.values.shuffled(using: &random).map { $0 * scale }
    }
    for (i, order) in ([all] + orders(all, seed: 7)).enumerated() {
      let near = try verdict(order, vector, sibling: same)
      #expect(near.verdict != .wrong, "the same training: \(near.reason)")
      if i == 0 { Counts.add(near.verdict, "with the same training") }
      let far = try verdict(order, vector, sibling: stranger)
      #expect(far.verdict != .wrong, "another training: \(far.reason)")
      if i == 0 { Counts.add(far.verdict, "with another training") }
    }
  }
}

/// The figures of the README, printed when all are there.
private enum Counts {
  private static let lock = NSLock()
  nonisolated(unsafe) private static var counts: [String: Int] = [:]

  static func add(_ verdict: LayoutExperiment.Verdict, _ given: String) {
    lock.lock()
    defer { lock.unlock() }
    unsafe counts["\(given), \(verdict.rawValue)", default: 0] += 1
    let all = LayoutExperiment.Vector.all.count
    let (done, seen) = unsafe (counts.values.reduce(0, +), counts)
    guard done == 4 * all else { return }
    print(
      "layout experiment, \(all) vectors: \(seen.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; "))"
    )
  }
}
