import CheckpointCore
import TestKit
import Testing

@Suite struct TensorCopierTests {
  /// Sizes around the 256 KiB of a buffer and the 4 MiB of a piece, odd ones in between.
  @Test(arguments: [1, 2, 5]) func copiesEveryByteAndSumsIt(jobs: Int) throws {
    let folder = try TemporaryFolder()
    var random = RandomSource(seed: 21)
    let sizes = [0, 1, 15, 16, 17, 262_143, 262_144, 262_145, 4_194_303, 4_194_304, 4_194_305, 0, 3, 9_000_001]
    var output = try StagedOutput(prefix: folder("out"), replacing: false, protecting: [])
    let file = try output.create(suffix: ".bin", size: sizes.reduce(0, +))
    var items: [TensorCopier.Item] = []
    var expected: [UInt8] = []
    for (i, size) in sizes.enumerated() {
      let bytes = random.bytes(size)
      let variable = Variable(name: Name("v\(i)"), tensor: try Tensor(.uint8, [size], bytes), role: .weight)
      items.append(.init(variable, to: file, at: expected.count))
      expected += bytes
    }
    let progress = Progress()
    let sums = try TensorCopier(jobs: jobs, progress: progress).copy(items)
    _ = try output.commit()
    #expect(try folder.read("out.bin") == expected)
    #expect(progress.completed == expected.count)
    var start = 0
    for (size, sum) in zip(sizes, sums) {
      #expect(sum == CRC32C(of: Array(expected[start..<start + size])).value)
      start += size
    }
  }

  @Test func namesTheVariableWhoseChecksumDiffers() throws {
    let folder = try TemporaryFolder()
    let input = try folder.file([1, 2, 3, 4], "in")
    let storage = try FileStorage(input, offset: 0, byteCount: 4, crc32c: 5)
    let tensor = try Tensor(dtype: .uint8, shape: Shape([4]), storage: storage)
    let error = failure {
      var output = try StagedOutput(prefix: folder("out"), replacing: false, protecting: [])
      let file = try output.create(size: 4)
      _ = try TensorCopier(jobs: 2, progress: nil).copy([.init(Variable(name: "w", tensor: tensor, role: .weight), to: file, at: 0)])
    }
    #expect(error?.code == .corrupt)
    #expect(error?.variable == "w")
    #expect(folder.names == ["in"])
  }
}
