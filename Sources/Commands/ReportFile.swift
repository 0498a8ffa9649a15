import CheckpointCore
import Reports

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Files that options other than -o ask for. A page, XML or array that is there is replaced, as it is what the run before wrote;
/// whatever else is there is somebody's.
enum ReportFile {
  static func write(_ page: HTMLPage, to path: String) throws(CheckpointError) {
    try requireOwn(path, beginning: "<!DOCTYPE html>")
    try write(page.bytes(footer: CkptConvert.madeBy), to: path, replacing: true, protecting: [])
  }

  static func write(_ suites: [JUnitReport.Suite], to path: String) throws(CheckpointError) {
    try requireOwn(path, beginning: "<?xml ")
    try write(JUnitReport(suites, timestamp: timestamp()).bytes(), to: path, replacing: true, protecting: [])
  }

  /// A list of names. People write such by hand, so that one that is there is not known to be ours.
  static func write(names bytes: [UInt8], to path: String) throws(CheckpointError) {
    try requireOwn(path, beginning: nil)
    try write(bytes, to: path, replacing: false, protecting: [])
  }

  /// - Throws: `cannotCreate` where something is at the path and does not begin so.
  static func requireOwn(_ path: String, beginning: Name?) throws(CheckpointError) {
    guard Candidate.exists(path) else { return }
    if let beginning, Candidate.isFile(path), try Candidate(path).head.starts(with: beginning.bytes) { return }
    throw CheckpointError(
      .cannotCreate, "is already there, and may be somebody's work", remedy: "choose another name, or remove it"
    ).at(file: path)
  }

  /// - Parameter protected: files that are never written over: the input's.
  static func write(
    _ bytes: [UInt8], to path: String, replacing: Bool, protecting protected: [InputFile]
  ) throws(CheckpointError) {
    var staged = try StagedOutput(prefix: path, replacing: replacing, protecting: protected)
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
