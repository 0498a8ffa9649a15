import CheckpointCore

/// A cursor over a file that keeps a window of it in memory.
struct FileCursor {
  let file: InputFile
  private(set) var position = 0
  private var window: [UInt8] = []
  private var windowStart = 0
  private static let windowSize = 64 << 10

  init(_ file: InputFile, from position: Int = 0) {
    self.file = file
    self.position = position
  }

  var isAtEnd: Bool { position == file.size }

  mutating func byte() throws(CheckpointError) -> UInt8 {
    if position < windowStart || position >= windowStart + window.count {
      guard position < file.size else {
        throw CheckpointError(.corrupt, "the file is cut short").at(offset: position)
      }
      windowStart = position
      window = try file.bytes(at: position, count: min(FileCursor.windowSize, file.size - position))
    }
    position += 1
    return window[position - 1 - windowStart]
  }

  /// An unsigned number of up to 8 bytes, lowest first.
  mutating func little(_ count: Int) throws(CheckpointError) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(try byte()) << (8 * UInt64(i)) }
    return value
  }

  /// Steps over `count` bytes.
  /// - Returns: where they are in the file.
  mutating func skip(_ count: UInt64) throws(CheckpointError) -> Range<Int> {
    guard let count = Int(exactly: count), count <= file.size - position else {
      throw CheckpointError(.corrupt, "\(count) more bytes were expected where \(file.size - position) are left")
        .at(offset: position)
    }
    position += count
    return position - count..<position
  }

  /// The bytes up to the next new line, which is stepped over.
  mutating func line() throws(CheckpointError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let byte = try byte()
      if byte == 0x0a { return bytes }
      bytes.append(byte)
    }
  }
}
