import CheckpointCore
import TestKit
import Testing

@testable import HDF5Library

@Suite struct FilterTests {
  private func pipeline(_ ids: [UInt32], width: Int) throws -> FilterPipeline {
    try #require(try FilterPipeline(ids.map { HDF5Dataset.Filter(id: $0, name: []) }, width: width))
  }

  // ---- shuffle

  /// As h5py 3.14 stores five integers with `shuffle=True`.
  @Test func shufflePutsTheFirstBytesOfAllElementsFirst() throws {
    let elements = hex("0403020005040301060504020706050308070604")
    let shuffled = hex("0405060708030405060702030405060001020304")
    #expect(Shuffle.apply(elements, width: 4) == shuffled)
    #expect(try Shuffle.undo(shuffled, width: 4) == elements)
  }

  @Test(arguments: [1, 2, 3, 4, 5, 8, 12, 16, 100]) func whatIsShuffledComesBack(width: Int) throws {
    var random = RandomSource(seed: UInt64(width))
    for count in [0, 1, width - 1, width, 7 * width, 64 * width, 65 * width + width / 2, 1000] {
      let bytes = random.bytes(count)
      #expect(try Shuffle.undo(Shuffle.apply(bytes, width: width), width: width) == bytes, "\(count) bytes")
    }
  }

  // ---- fletcher32

  /// As h5py 3.14 stores 13 and 1,000 bytes with `fletcher32=True`.
  @Test func fletcher32IsTheSumThatHDF5Keeps() throws {
    let odd = (0..<13).map { UInt8(truncatingIfNeeded: $0 * 37) }
    #expect(try Fletcher32.check(odd + hex("37146539")) == odd)
    let even = (0..<1000).map { UInt8($0 % 251) }
    #expect(try Fletcher32.check(even + hex("2022e6e5")) == even)
  }

  @Test func aWrongSumIsNamed() {
    let error = failure { _ = try Fletcher32.check([1, 2, 3, 4, 0, 0, 0, 0]) }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains("fletcher32") == true)
    #expect(failure { _ = try Fletcher32.check([1, 2, 3]) }?.code == .corrupt)
  }

  // ---- LZF

  /// As h5py 3.14 stores "abc" sixteen times, "hello" and 300 zeros.
  private let lzf = hex("0361626361e023020568656c6c6f00e0ff00e01800010000")

  @Test func readsWhatH5pyCompressed() throws {
    let plain =
      Array(String(repeating: "abc", count: 16).utf8) + Array("hello".utf8) + [UInt8](repeating: 0, count: 300)
    #expect(try LZF.decode(lzf, to: plain.count) == plain)
  }

  @Test func aDamagedStreamIsAnErrorOrHasTheRightSize() {
    for length in 0..<lzf.count {
      #expect(failure { _ = try LZF.decode(Array(lzf[..<length]), to: 353) }?.code == .corrupt)
    }
    for size in [0, 1, 352, 354, 6000] { #expect(failure { _ = try LZF.decode(lzf, to: size) }?.code == .corrupt) }
    for bit in 0..<8 * lzf.count {
      var flipped = lzf
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let error = failure {
        let plain = try LZF.decode(flipped, to: 353)
        #expect(plain.count == 353)
      }
      #expect(error == nil || error?.code == .corrupt, "bit \(bit): \(String(describing: error))")
    }
  }

  // ---- deflate

  @Test func inflatesToExactlyTheSizeOfTheShape() throws {
    let plain = Array(repeating: Array("converter".utf8), count: 50).flatMap { $0 }
    let packed = try Deflate.deflate(plain, level: 6)
    #expect(try Deflate.inflate(packed, to: plain.count) == plain)
    for size in [0, plain.count - 1, plain.count + 1] {
      #expect(failure { _ = try Deflate.inflate(packed, to: size) }?.code == .corrupt, "to \(size)")
    }
    for length in 0..<packed.count {
      #expect(failure { _ = try Deflate.inflate(Array(packed[..<length]), to: plain.count) }?.code == .corrupt)
    }
  }

  /// No deflate stream makes more than 1,032 bytes of one: nothing is reserved for a claim beyond that.
  @Test func aChunkThatCannotComeOfItsBytesIsRefusedBeforeItsMemoryIsTaken() {
    let short = [UInt8](repeating: 0x78, count: 100)
    for error in [
      failure { _ = try Deflate.inflate(short, to: 1 << 40) }, failure { _ = try LZF.decode(short, to: 1 << 40) },
    ] {
      #expect(error?.code == .corrupt)
      #expect(error?.message.contains("cannot become") == true)
    }
  }

  // ---- the pipeline

  @Test func filtersAreUndoneFromTheLastToTheFirst() throws {
    var random = RandomSource(seed: 1)
    let plain = random.bytes(400)
    let packed = try Deflate.deflate(Shuffle.apply(plain, width: 8), level: 4)
    let pipeline = try self.pipeline([2, 1], width: 8)
    #expect(try pipeline.decode([0, 0, 0, 0] + packed, chunkBytes: 400) == plain)
    // A set bit of the mask: that filter was left out.
    #expect(try pipeline.decode([2, 0, 0, 0] + Shuffle.apply(plain, width: 8), chunkBytes: 400) == plain)
    #expect(try pipeline.decode([3, 0, 0, 0] + plain, chunkBytes: 400) == plain)
    #expect(failure { _ = try pipeline.decode([3, 0, 0, 0] + plain, chunkBytes: 401) }?.code == .corrupt)
    #expect(failure { _ = try pipeline.decode([0, 0], chunkBytes: 400) }?.code == .corrupt)
  }

  @Test func onlyKnownFiltersAreDecodedHere() throws {
    #expect(try FilterPipeline([HDF5Dataset.Filter(id: 4, name: [])], width: 4) == nil)
    #expect(try FilterPipeline([1, 32000].map { HDF5Dataset.Filter(id: $0, name: []) }, width: 4) == nil)
  }

  @Test(arguments: 1...20) func randomChunksAreAnErrorOrHaveTheRightSize(seed: Int) throws {
    var random = RandomSource(seed: UInt64(seed))
    for ids: [UInt32] in [[1], [2, 1], [2, 1, 3], [3, 1], [32000], [2, 32000, 3], [3, 3], []] {
      let pipeline = try self.pipeline(ids, width: 1 + random.below(9))
      for _ in 0..<200 {
        let stored = random.bytes(random.below(60))
        let error = failure {
          let chunk = try pipeline.decode(stored, chunkBytes: 40)
          #expect(chunk.count == 40)
        }
        #expect(error == nil || error?.code == .corrupt, "seed \(seed)")
      }
    }
  }
}
