import CheckpointCore
import Synchronization

/// Streams through deflated members that stopped somewhere, kept so that the next reader goes on from there.
///
/// A deflated member can only be read forwards. A reader takes the stream of its member that stopped nearest before its offset,
/// inflates up to there, and gives it back; nobody else can have it meanwhile. Where there is none, one begins at the start.
/// Readers in turn, each going forwards, thus inflate a member a few times at most, however their turns interleave; a reader
/// that goes backwards again and again pays for the whole way each time. The oldest streams are dropped beyond a fixed number,
/// about 110 kB each, so that memory depends on neither the members' sizes nor their number.
final class InflateStreams: Sendable {
  private static let mostIdle = 8
  private let idle = Mutex<[InflateStream]>([])

  /// Fills the span with bytes of a member from `offset` on, which must lie inside.
  func read(
    _ member: ZipMember, of file: InputFile, into span: inout MutableRawSpan, at offset: Int
  ) throws(CheckpointError) {
    guard span.byteCount > 0 || member.size == 0 else { return }
    do throws(CheckpointError) {
      let stream: InflateStream
      if let idle = take(member.index, offset) { stream = idle } else { stream = try InflateStream(member, of: file) }
      try stream.skip(to: offset)
      try stream.fill(&span)
      if stream.position == member.size { try stream.requireEnd() } else { giveBack(stream) }
    } catch {
      throw error.at(file: file.path, variable: member.name)
    }
  }

  private func take(_ member: Int, _ offset: Int) -> InflateStream? {
    idle.withLock { idle in
      let usable = idle.indices.filter { idle[$0].member.index == member && idle[$0].position <= offset }
      return usable.max { idle[$0].position < idle[$1].position }.map { idle.remove(at: $0) }
    }
  }

  private func giveBack(_ stream: InflateStream) {
    idle.withLock { idle in
      if idle.count == InflateStreams.mostIdle { idle.removeFirst() }
      idle.append(stream)
    }
  }
}
