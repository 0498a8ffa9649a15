public import CheckpointCore

/// Damages files in ways that a seed and a number decide: bits, bytes and numbers replaced, blocks copied, ends cut off.
public struct Mutator: Sendable {
  /// A sound file that damaged ones are made of.
  public struct Seed: Sendable {
    public let name: String
    public let bytes: [UInt8]
    /// Where structures begin: four capital letters, as HDF5 marks them.
    let marks: [Int]

    public init(name: String, bytes: [UInt8]) {
      (self.name, self.bytes) = (name, bytes)
      marks = bytes.indices.dropLast(3).filter { i in bytes[i..<i + 4].allSatisfy { (0x41...0x5a).contains($0) } }
    }
  }

  public struct Input: Sendable {
    public let seed: String
    public let bytes: [UInt8]
    public let edits: [String]
  }

  public let seeds: [Seed]
  private let random: UInt64

  /// - Parameter seeds: at least one, in an order that is always the same.
  public init(_ seeds: [Seed], random: UInt64) { (self.seeds, self.random) = (seeds, random) }

  /// The HDF5 files below a folder, by path, without the damaged cases, and without what releases wrote: each adds its own, and the
  /// numbers of inputs must keep their meaning.
  public static func hdf5Seeds(below folder: String, largest: Int = 100_000) throws(CheckpointError) -> [Seed] {
    var seeds: [Seed] = []
    for name in Candidate.names(in: folder) where name != "damaged" && !name.hasPrefix("written-") {
      let path = joinPath(folder, name)
      if Candidate.isFolder(path) {
        seeds += try hdf5Seeds(below: path, largest: largest).map { Seed(name: "\(name)/\($0.name)", bytes: $0.bytes) }
      } else if name.hasSuffix(".h5") {
        let file = try InputFile(path)
        if file.size <= largest { seeds.append(Seed(name: name, bytes: try file.contents(limit: largest))) }
      }
    }
    return seeds
  }

  /// The damaged file of a number.
  public func input(_ index: Int) -> Input {
    var source = RandomSource(seed: random &* 0x1_0000_0000 &+ UInt64(index))
    let seed = seeds[source.below(seeds.count)]
    var bytes = seed.bytes
    var edits: [String] = []
    for _ in 0...source.below(4) where bytes.count > 16 { edits.append(edit(&bytes, seed, &source)) }
    return Input(seed: seed.name, bytes: bytes, edits: edits)
  }

  private func edit(_ bytes: inout [UInt8], _ seed: Seed, _ source: inout RandomSource) -> String {
    // Half of the edits are where a structure begins; most bytes of a file are elements.
    var place = source.below(bytes.count - 8)
    if source.below(2) == 0, !seed.marks.isEmpty {
      place = min(bytes.count - 8, seed.marks[source.below(seed.marks.count)] + source.below(64))
    }
    switch source.below(20) {
    case 0..<4:
      let bit = source.below(8)
      bytes[place] ^= 1 << UInt8(bit)
      return "bit \(bit) of byte \(place)"
    case 4..<7:
      bytes[place] = [0, 1, 0x7f, 0x80, 0xff, UInt8(truncatingIfNeeded: source.next())][source.below(6)]
      return "byte \(place) = \(bytes[place])"
    case 7..<16:
      let width = [2, 4, 8][source.below(3)]
      let old = (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[place + $1]) }
      let value = number(old, width, bytes.count, &source)
      for i in 0..<width { bytes[place + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
      return "\(width) bytes at \(place) = \(value)"
    case 16..<18:
      let count = min(1 + source.below(64), bytes.count - place)
      let from = source.below(bytes.count - count + 1)
      bytes.replaceSubrange(place..<place + count, with: Array(bytes[from..<from + count]))
      return "\(count) bytes from \(from) to \(place)"
    case 18:
      let count = min(1 + source.below(256), bytes.count - place)
      let value: UInt8 = source.below(2) == 0 ? 0 : 0xff
      for i in place..<place + count { bytes[i] = value }
      return "\(count) bytes at \(place) = \(value)"
    default:
      bytes.removeSubrange(place...)
      return "cut to \(place)"
    }
  }

  /// A number that programs stumble over.
  private func number(_ old: UInt64, _ width: Int, _ size: Int, _ source: inout RandomSource) -> UInt64 {
    switch source.below(9) {
    case 0: UInt64(source.below(4))
    case 1: .max
    case 2: .max >> 1
    case 3: 1 << UInt64(source.below(8 * width))
    case 4: (1 << UInt64(source.below(8 * width))) &- 1
    case 5: UInt64(max(0, size - 9 + source.below(18)))
    case 6: UInt64(source.below(size))
    case 7: old &+ UInt64(bitPattern: Int64([-8, -1, 1, 8][source.below(4)]))
    default: source.next()
    }
  }
}
