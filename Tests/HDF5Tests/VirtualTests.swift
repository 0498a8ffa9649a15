import CheckpointCore
import HDF5
import TestKit
import Testing

@testable import HDF5Library

/// Virtual datasets of the form that HDF5 1.12 and later write, which this program parses itself: damage with checksums made right,
/// so that it gets behind them.
@Suite struct VirtualTests {
  private static let path =
    splitPath(splitPath(splitPath(#filePath).folder).folder).folder
    + "/Conformance/Cases/hdf5/h5py3-layouts_latest/model.h5"
  private let folder: TemporaryFolder
  private let sound: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    sound = try InputFile(Self.path).contents(limit: 1 << 20)
  }

  /// The bytes of a part that ends with its own sum.
  private struct Part {
    let range: Range<Int>
    /// Where damage means something.
    let body: Range<Int>
  }

  private func number(_ place: Int, _ width: Int) -> Int {
    (0..<width).reversed().reduce(0) { $0 << 8 | Int(sound[place + $1]) }
  }

  /// The object header that has a layout message of version 4 and the class 3.
  private func header() throws -> Part {
    for start in sound.indices.dropLast(64) where sound[start..<start + 4].elementsEqual("OHDR".utf8) {
      let flags = sound[start + 5]
      let place = start + 6 + (flags & 0x20 != 0 ? 16 : 0) + (flags & 0x10 != 0 ? 4 : 0)
      let width = 1 << Int(flags & 3)
      let body = place + width..<place + width + number(place, width)
      guard body.upperBound + 4 <= sound.count else { continue }
      if body.dropLast(6).contains(where: { sound[$0] == 8 && sound[$0 + 4] == 4 && sound[$0 + 5] == 3 }) {
        return Part(range: start..<body.upperBound + 4, body: body)
      }
    }
    throw CheckpointError(.corrupt, "no virtual dataset")
  }

  /// The list of sources in the global heap.
  private func list() throws -> Part {
    let heap = try #require(sound.indices.dropLast(4).first { sound[$0..<$0 + 4].elementsEqual("GCOL".utf8) })
    let start = heap + 32
    let range = start..<start + number(heap + 24, 8)
    return Part(range: range, body: range.lowerBound..<range.upperBound - 4)
  }

  private func repaired(_ bytes: [UInt8], _ part: Part) -> [UInt8] {
    var bytes = bytes
    let end = part.range.upperBound - 4
    let sum = Lookup3.hash(bytes[part.range.lowerBound..<end])
    for i in 0..<4 { bytes[end + i] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * i)) }
    return bytes
  }

  private func outcome(_ bytes: [UInt8]) throws -> String {
    let store = try HDF5Formats.tree.load(try folder.write(bytes, to: "in.h5"), options: ReadOptions(salvage: true))
    if let loss = store.source.unreadable.first(where: { $0.variable == "virtual" }) { return loss.reason }
    if let lost = store.source.lost.first { return "lost: \(lost.message)" }
    guard let tensor = store["virtual"]?.tensor else { return "is not there" }
    return failure { _ = try tensor.bytes() }?.message ?? "\(tensor.dtype) \(tensor.shape)"
  }

  @Test func theSumsAreUnderstood() throws {
    for part in [try header(), try list()] { #expect(repaired(sound, part) == sound) }
    #expect(try outcome(sound) == "float32 [2, 21, 10]")
  }

  @Test func anyListOfSourcesIsAnAnswerOrAnError() throws {
    let (part, numbers) = (try list(), [0, 1, 2, 3, 0x7f, 0x80, 0xff, 1 << 15, 1 << 20, 1 << 31, 1 << 56, .max, -1])
    var random = RandomSource(seed: 5)
    var outcomes: [String: Int] = [:]
    for _ in 0..<400 {
      var bytes = sound
      for _ in 0...random.below(2) {
        let width = [1, 2, 4, 8][random.below(4)]
        let place = part.body.lowerBound + random.below(part.body.count - width)
        let value = numbers[random.below(numbers.count)]
        for i in 0..<width { bytes[place + i] = UInt8(truncatingIfNeeded: value >> (8 * i)) }
      }
      outcomes[try outcome(repaired(bytes, part)), default: 0] += 1
    }
    for word in ["outside of its source", "not in the file", "not supported", "do not fit", "over another file"] {
      #expect(outcomes.keys.contains { $0.contains(word) }, "\(word): \(outcomes)")
    }
  }

  @Test func anyHeaderIsAnAnswerOrAnError() throws {
    let part = try header()
    var random = RandomSource(seed: 6)
    var outcomes: Set<String> = []
    for _ in 0..<200 {
      var bytes = sound
      let place = part.body.lowerBound + random.below(part.body.count)
      bytes[place] = [0, 1, 2, 4, 0x10, 0x7f, 0x80, 0xff][random.below(8)]
      outcomes.insert(try outcome(repaired(bytes, part)))
    }
    #expect(outcomes.count > 3, "\(outcomes)")
  }

  @Test func aWrongSumIsDamage() throws {
    var bytes = sound
    bytes[try list().body.lowerBound + 20] ^= 1
    #expect(try outcome(bytes).contains("checksum of its metadata differs"))
  }
}
