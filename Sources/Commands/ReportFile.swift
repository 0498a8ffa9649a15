import CheckpointCore
import Reports

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Files that `--plan`, `--html` and `--junit` ask for. A page or XML that is there is replaced: it is what the run before said.
enum ReportFile {
  static func write(_ page: HTMLPage, to path: String) throws(CheckpointError) {
    try write(page.bytes(footer: CkptConvert.madeBy), to: path, replacing: true)
  }

  static func write(_ suites: [JUnitReport.Suite], to path: String) throws(CheckpointError) {
    try write(JUnitReport(suites, timestamp: timestamp()).bytes(), to: path, replacing: true)
  }

  static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(CheckpointError) {
    var staged = try StagedOutput(prefix: path, replacing: replacing, protecting: [])
    try staged.create(size: bytes.count).write(bytes, at: 0)
    _ = try staged.commit()
  }

  /// Now, in UTC: `2026-01-31T12:00:00`.
  private static func timestamp() -> String {
    var now = time(nil)
    var fields = unsafe tm()
    var text = [CChar](repeating: 0, count: 32)
    // SAFETY: the pointers are used inside the calls only; 19 characters and a zero fit into 32.
    unsafe gmtime_r(&now, &fields)
    let count = unsafe strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &fields)
    return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
