import Crypto

/// SHA-256 of canonical bytes, the fingerprint by which checkpoints are compared between programs.
public enum Digest {
  /// - Returns: 64 hexadecimal digits.
  public static func sha256(of variable: Variable) throws(CheckpointError) -> String {
    var hash = SHA256()
    var buffer = ChunkBuffer()
    do throws(CheckpointError) {
      try variable.tensor.forEachChunk(using: &buffer) { (chunk, _) throws(CheckpointError) in hash.update(chunk) }
    } catch {
      throw error.at(file: variable.tensor.file, variable: variable.name)
    }
    return text(hash)
  }

  /// Digests of many variables, as many at once as there are workers.
  /// - Returns: in their order; nil for variants, whose bytes mean nothing outside their bundle.
  public static func sha256(
    of variables: [Variable], jobs: Int, progress: Progress? = nil
  ) throws(CheckpointError) -> [String?] {
    let outcomes = try TensorSweep(jobs: jobs, progress: progress).run(
      variables.map(\.tensor), DigestVisitor(), isSequential: { _ in true })
    for (variable, outcome) in zip(variables, outcomes) {
      if let failure = outcome.failure { throw failure.at(variable: variable.name) }
    }
    return zip(variables, outcomes).map { $0.tensor.dtype == .variant ? nil : text($1.part) }
  }

  private static func text(_ hash: SHA256) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in hash.finalize() { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}

private struct DigestVisitor: SweepVisitor {
  func scratch() {}
  func part(of tensor: Int) -> SHA256 { SHA256() }
  func visit(_ chunk: RawSpan, of tensor: Int, at offset: Int, _ part: inout SHA256, _ scratch: inout ()) {
    part.update(chunk)
  }
  /// A tensor is one piece, so that there is nothing before it.
  func append(_ next: SHA256, to part: inout SHA256) { part = next }
}

extension SHA256 {
  fileprivate mutating func update(_ bytes: RawSpan) {
    // SAFETY: the pointer is used inside the closure only.
    unsafe bytes.withUnsafeBytes { unsafe update(bufferPointer: $0) }
  }
}
