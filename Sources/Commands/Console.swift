import CheckpointCore

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The two streams of the terminal.
enum Console {
  /// Results, to standard output. A reader that has gone away is no error: `… | head` is fine.
  static func print(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }
  static func print(_ text: String) { print(Array((text + "\n").utf8)) }

  /// Everything that is not the result, to standard error. Whatever a file put into it, it cannot steer the terminal.
  static func say(_ text: String) { write(Array((harmless(text) + "\n").utf8), to: STDERR_FILENO) }

  /// Text whose control characters are spelt out, but for those that end a line.
  static func harmless(_ text: String) -> String {
    func isHarmless(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\t" || !Name.steers(scalar) }
    if text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) || text.unicodeScalars.allSatisfy(isHarmless) {
      return text
    }
    var out = ""
    for scalar in text.unicodeScalars {
      if isHarmless(scalar) { out.unicodeScalars.append(scalar) } else { out += Name(String(scalar)).description }
    }
    return out
  }

  static var isErrorTerminal: Bool { isatty(STDERR_FILENO) != 0 }

  /// Columns of the terminal that shows standard output; nil where it goes elsewhere.
  static var columns: Int? {
    var size = winsize()
    guard isatty(STDOUT_FILENO) != 0, unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }

  /// Whether standard output is a terminal that may be given colours (no-color.org).
  static var hasColor: Bool {
    let refusal = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
    let isDumb = unsafe getenv("TERM").map { unsafe strcmp($0, "dumb") == 0 } ?? true
    return isatty(STDOUT_FILENO) != 0 && !refusal && !isDumb
  }

  static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

  /// A limit on the size of files is an error of the write that meets it, as a full disk is.
  static func ignoreFileSizeLimits() { signal(SIGXFSZ, SIG_IGN) }

  static func write(_ bytes: [UInt8], to descriptor: CInt) {
    var done = 0
    while done < bytes.count {
      let put = unsafe bytes.withUnsafeBytes { buffer in
        // SAFETY: `done` is below the count, so that the pointer stays inside the array.
        unsafe buffer.baseAddress.map { unsafe Glibc.write(descriptor, $0 + done, buffer.count - done) } ?? 0
      }
      if put > 0 { done += put } else if errno != EINTR { return }
    }
  }

  /// `1.1 MB`, in powers of ten as file managers count.
  static func size(_ bytes: Int) -> String {
    var value = Double(bytes)
    for unit in ["bytes", "kB", "MB", "GB", "TB"] {
      if value < 1000 || unit == "TB" {
        if unit == "bytes" { return "\(bytes) \(bytes == 1 ? "byte" : "bytes")" }
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
      }
      value /= 1000
    }
    return "\(bytes) bytes"
  }

  /// `92,092`
  static func count(_ number: Int) -> String {
    let digits = Array(String(number))
    var out = ""
    for (i, digit) in digits.enumerated() {
      if i > 0, (digits.count - i) % 3 == 0 { out.append(",") }
      out.append(digit)
    }
    return out
  }

  /// `12.3 %`
  static func percent(_ part: Int, of whole: Int) -> String {
    let tenths = Int((Double(part) / Double(whole) * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  static func plural(_ number: Int, _ noun: String) -> String { "\(count(number)) \(noun)\(number == 1 ? "" : "s")" }
}
