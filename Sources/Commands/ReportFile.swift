import CheckpointCore
import Reports

/// Files that `--html` and its like ask for. One that is there is replaced: it is what the run before said.
enum ReportFile {
  /// - Parameter protected: files that are never written over: the input's.
  static func write(
    _ page: HTMLPage, to path: String, protecting protected: [InputFile] = []
  ) throws(CheckpointError) {
    try write(page.bytes(footer: CkptConvert.madeBy), to: path, protecting: protected)
  }

  static func write(
    _ bytes: [UInt8], to path: String, protecting protected: [InputFile] = []
  ) throws(CheckpointError) {
    var staged = try StagedOutput(prefix: path, replacing: true, protecting: protected)
    try staged.create(size: bytes.count).write(bytes, at: 0)
    _ = try staged.commit()
  }
}
