import CheckpointCore
import TestKit
import Testing

@testable import ZipArchive

/// A deflated member of stored blocks, 65,535 bytes each, so that the bytes can be made without a compressor.
private func deflated(_ content: [UInt8]) -> [UInt8] {
  var out: [UInt8] = []
  var position = 0
  repeat {
    let count = min(65_535, content.count - position)
    out += [position + count == content.count ? 1 : 0] + le(count, 2) + le(count ^ 0xffff, 2)
    out += content[position..<position + count]
    position += count
  } while position < content.count
  return out
}

@Suite struct InflateTests {
  private func archive(_ contents: [[UInt8]]) throws -> ZipArchive {
    let members = contents.enumerated().map { i, content in
      var member = ZipBytes.Member("m\(i)", content)
      (member.method, member.stored) = (8, deflated(content))
      return member
    }
    return try ZipArchive(file: TemporaryFolder().file(ZipBytes(members: members).bytes))
  }

  @Test func readersInAnyOrderGetTheirBytes() throws {
    var random = RandomSource(seed: 4)
    let contents = [random.bytes(300_000), random.bytes(1), [], random.bytes(70_000)]
    let archive = try archive(contents)
    let storages = try archive.members.map { (member) throws(CheckpointError) in try archive.storage(of: member) }
    for _ in 0..<200 {
      let i = random.below(4)
      let start = random.below(contents[i].count + 1)
      let count = random.below(contents[i].count - start + 1)
      var bytes = [UInt8](repeating: 0, count: count)
      var span = bytes.mutableRawSpan(0..<count)
      try storages[i].read(into: &span, at: start)
      #expect(bytes == Array(contents[i][start..<start + count]))
    }
  }

  @Test(arguments: [1, 2, 7]) func theCopierTakesMembersInOneStream(jobs: Int) throws {
    let folder = try TemporaryFolder()
    var random = RandomSource(seed: 5)
    let contents = [random.bytes(4_300_000), random.bytes(600_000), [], random.bytes(3)]
    let archive = try archive(contents)
    var output = try StagedOutput(prefix: folder("out"), replacing: false, protecting: [])
    let file = try output.create(size: 4_900_003)
    var items: [TensorCopier.Item] = []
    var offset = 0
    for member in archive.members {
      let tensor = try Tensor(dtype: .uint8, shape: Shape([member.size]), storage: archive.storage(of: member))
      items.append(.init(Variable(name: member.name, tensor: tensor, role: .weight), to: file, at: offset))
      offset += member.size
    }
    let sums = try TensorCopier(jobs: jobs, progress: nil).copy(items, summing: .crc32)
    _ = try output.commit()
    #expect(sums == contents.map { CRC32(of: $0).value })
    #expect(try folder.read("out") == Array(contents.joined()))
  }
}
