import Crypto

/// SHA-256 of canonical bytes, the fingerprint by which checkpoints are compared between programs.
public enum Digest {
  /// - Returns: 64 hexadecimal digits.
  public static func sha256(of variable: Variable) throws(CheckpointError) -> String {
    var hash = SHA256()
    var buffer = ChunkBuffer()
    do throws(CheckpointError) {
      try variable.tensor.forEachChunk(using: &buffer) { (chunk, _) throws(CheckpointError) in
        // SAFETY: the pointer is used inside the closure only.
        unsafe chunk.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
      }
    } catch {
      throw error.at(file: variable.tensor.file, variable: variable.name)
    }
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in hash.finalize() { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}
