import CheckpointCore
import Foundation
import TestKit

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A parser that takes bytes from strangers, the sound inputs that damaged ones are made of, and what must hold for any input: an
/// answer or an error of the contract.
public struct FuzzTarget: Sendable {
  /// A sound file, and those that lie beside it.
  public struct Seed: Sendable {
    public let bytes: [UInt8]
    var others: [String: [UInt8]] = [:]
  }

  public let name: String
  /// Seconds of processor time after which an input counts as hanging; twice as many end the process.
  public var patience = 1.0
  /// What the file is called that the bytes become.
  let file: String
  public let seeds: [Seed]
  /// Whether every byte that means something is covered by a checksum, so that what is accepted must be what the seed holds.
  let isSummed: Bool
  /// Makes the checksums of a damaged file right again, so that what lies behind them is reached.
  public let repair: (@Sendable ([UInt8]) -> [UInt8])?
  /// Reads the file at a path; the answer is a sum of all that was found.
  let read: @Sendable (String) throws -> UInt32

  init(
    _ name: String, file: String, seeds: [Seed], isSummed: Bool = false,
    repair: (@Sendable ([UInt8]) -> [UInt8])? = nil, read: @escaping @Sendable (String) throws -> UInt32
  ) {
    (self.name, self.file, self.seeds, self.isSummed) = (name, file, seeds, isSummed)
    (self.repair, self.read) = (repair, read)
  }
}

/// A target at work in a folder of its own.
public final class FuzzSession {
  private static let documented: Set<CheckpointError.Code> = [.corrupt, .notFound, .unsupported, .usage]

  public let target: FuzzTarget
  private let folders: [TemporaryFolder]
  private let sums: [UInt32]
  public private(set) var accepted = 0
  /// Of the accepted ones: those that hold what the sound file holds.
  public private(set) var unchanged = 0
  public private(set) var refused = 0

  /// - Throws: where a seed itself is refused.
  public init(_ target: FuzzTarget) throws {
    self.target = target
    folders = try target.seeds.map { seed in
      let folder = try TemporaryFolder()
      for (name, bytes) in seed.others { try folder.write(bytes, to: name) }
      return folder
    }
    sums = try zip(target.seeds, folders).map { seed, folder in
      try target.read(try folder.write(seed.bytes, to: target.file))
    }
  }

  /// - Parameters:
  ///   - seed: what the bytes were made of.
  ///   - isRepaired: whether checksums were made right, so that other content is no surprise.
  /// - Returns: what must not be, or nil.
  public func feed(_ bytes: [UInt8], seed: Int, isRepaired: Bool) -> String? {
    let path = folders[seed](target.file)
    let descriptor = unsafe open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
    // SAFETY: the pointer is used inside the closure only, for the bytes that the array has.
    let put = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    guard put == bytes.count else { return "the input cannot be written" }
    do {
      let sum = try target.read(path)
      accepted += 1
      if sum == sums[seed] { unchanged += 1 }
      if target.isSummed, !isRepaired, sum != sums[seed] { return "other content is accepted in silence" }
    } catch let error as CheckpointError {
      refused += 1
      if !FuzzSession.documented.contains(error.code) { return "\(error.code): \(error)" }
    } catch {
      return "\(error)"
    }
    return nil
  }
}

/// Damage of every kind for a target: that of `Mutator`, and pieces put in where there were none.
public struct FuzzMutator: Sendable {
  private let target: FuzzTarget
  private let mutators: [Mutator]
  private let random: UInt64

  public init(_ target: FuzzTarget, random: UInt64) {
    self.target = target
    self.random = random
    mutators = target.seeds.map { Mutator([.init(name: target.name, bytes: $0.bytes)], random: random) }
  }

  /// The input of a number. Every other one is repaired, where the target has checksums.
  public func input(_ index: Int) -> (bytes: [UInt8], seed: Int, isRepaired: Bool) {
    var source = RandomSource(seed: random ^ UInt64(index) &* 0x9E37_79B9)
    let seed = source.below(mutators.count)
    var bytes = mutators[seed].input(index).bytes
    if source.below(4) == 0, !bytes.isEmpty {
      let start = source.below(bytes.count)
      let piece = Array(bytes[start..<min(bytes.count, start + 1 + source.below(16))])
      bytes.insert(contentsOf: piece, at: source.below(bytes.count))
    }
    if source.below(4) == 0 { FuzzMutator.replaceThroughout(&bytes, &source) }
    guard let repair = target.repair, index % 2 == 1 else { return (bytes, seed, false) }
    return (repair(bytes), seed, true)
  }

  /// Puts one number wherever another one stands, in digits or in bytes: a size is written in several places, and a file that says the
  /// same of it in all of them comes further than one that contradicts itself.
  private static func replaceThroughout(_ bytes: inout [UInt8], _ source: inout RandomSource) {
    guard bytes.count > 16 else { return }
    let edge = [0, 1, 1 << 31, 1 << 32, 1 << 53, 1 << 56, 1 << 60, 1 << 62, 1 << 63, UInt64.max][source.below(10)]
    let number = edge &+ [0, 0, UInt64.max, 0 &- 8][source.below(4)]
    let start = source.below(bytes.count)
    if let first = bytes[start...].firstIndex(where: isDigit), source.below(3) > 0 {
      let digits = bytes[first...].prefix(while: isDigit)
      let text = Array((source.below(8) == 0 ? "-\(number)" : String(number)).utf8)
      var replaced: [UInt8] = []
      var i = 0
      while i < bytes.count {
        let run = bytes[i...].prefix(while: isDigit)
        replaced += run.elementsEqual(digits) ? text[...] : run
        i = run.endIndex
        if i < bytes.count { replaced.append(bytes[i]) }
        i += 1
      }
      bytes = replaced
      return
    }
    let width = [2, 4, 8][source.below(3)]
    let place = min(start, bytes.count - width)
    let old = Array(bytes[place..<place + width])
    let new = (0..<width).map { UInt8(truncatingIfNeeded: number >> UInt64(8 * $0)) }
    for i in 0...bytes.count - width where bytes[i] == old[0] && bytes[i..<i + width].elementsEqual(old) {
      bytes.replaceSubrange(i..<i + width, with: new)
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  /// Writes the input of a number to a file.
  public func write(_ index: Int, to path: String) throws {
    try Data(input(index).bytes).write(to: URL(fileURLWithPath: path))
  }
}
