public import CheckpointCore

/// What a file is that should be a checkpoint, or a part of one, and is something else: what servers, version control and
/// archivers leave in its place. Told by its first bytes.
public enum ForeignContent {
  /// What a path holds, as an error with the way out; nil where nothing foreign is known of it.
  public static func describe(_ path: String) -> CheckpointError? {
    guard let file = try? InputFile(path), let head = try? file.bytes(at: 0, count: min(file.size, 1024)) else {
      return nil
    }
    return describe(head, path: path)
  }

  /// - Parameter head: the first kilobyte of the file, or all of it.
  static func describe(_ head: [UInt8], path: String) -> CheckpointError? {
    if head.isEmpty {
      return error("is empty", "fetch or copy it again", .empty)
    }
    return archive(head, path) ?? words(head, path)
  }

  private static func error(_ message: String, _ remedy: String, _ damage: DamageKind) -> CheckpointError {
    CheckpointError(.unsupported, message, remedy: remedy).because(damage)
  }

  private static let streams: [(magic: [UInt8], name: String, tool: String)] = [
    ([0x1f, 0x8b], "gzip", "gunzip"), (Array("BZh".utf8), "bzip2", "bunzip2"),
    ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "xz", "unxz"), ([0x28, 0xb5, 0x2f, 0xfd], "zstd", "unzstd"),
    ([0x04, 0x22, 0x4d, 0x18], "lz4", "unlz4"),
  ]

  private static func archive(_ head: [UInt8], _ path: String) -> CheckpointError? {
    for stream in streams where head.starts(with: stream.magic) {
      let inside = stream.name == "gzip" ? gzipName(head).map { ", and '\($0)' is inside" } ?? "" : ""
      return error(
        "is compressed with \(stream.name)\(inside)",
        "unpack it first: \(stream.tool), or tar -xf where it is an archive", .compressed)
    }
    // POSIX ustar header: the name of the first file is at 0, the magic at 257.
    if head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) {
      return error(
        "is a tar archive, whose first file is '\(text(head[..<100].prefix { $0 != 0 }))'",
        "unpack it first: tar -xf", .archive)
    }
    if head.starts(with: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]) {
      return error("is a 7z archive", "unpack it first", .archive)
    }
    // APPNOTE.TXT 4.3.7: the name's length is at 26, the name at 30.
    let isReadable = [".npz", ".keras"].contains(where: path.hasSuffix)
    if head.starts(with: [0x50, 0x4b]), !isReadable {
      let name = head.count > 30 ? head[30...].prefix(Int(head[26]) | Int(head[27]) << 8) : []
      if text(name).hasSuffix("/data.pkl") {
        return error(
          "is a file of PyTorch, which is not read", "save its state as safetensors there: safetensors.torch.save_file",
          .archive)
      }
      return error(
        "is a zip archive without arrays of numpy and weights of Keras\(name.isEmpty ? "" : ", whose first file is '\(text(name))'")",
        "unpack it first: unzip", .archive)
    }
    return nil
  }

  /// FNAME of RFC 1952, where the flag says that it is there and no extra field stands before it.
  private static func gzipName(_ head: [UInt8]) -> String? {
    guard head.count > 10, head[3] & 0x0c == 0x08 else { return nil }
    return text(head[10...].prefix { $0 != 0 })
  }

  private static func words(_ head: [UInt8], _ path: String) -> CheckpointError? {
    if head.starts(with: "version https://git-lfs".utf8) {
      let size = String(decoding: head, as: UTF8.self).split(separator: "\n")
        .first { $0.hasPrefix("size ") }.flatMap { Int($0.dropFirst(5)) }
      return error(
        "is a Git LFS pointer, not the file itself\(size.map { ", which has \($0) bytes" } ?? "")",
        "fetch it with git lfs pull", .gitLFSPointer)
    }
    if head.starts(with: "node {".utf8) {
      return error("is a graph written as text, which is not read", "write it as binary: as_text=False", .text)
    }
    let isOurs = [".json", ".pbtxt"].contains(where: path.hasSuffix) || splitPath(path).last == "checkpoint"
    guard !isOurs, let words = plainText(head) else { return nil }
    let start = words.drop { $0.isWhitespace || $0 == "\u{feff}" }
    let lower = start.prefix(20).lowercased()
    if ["<!doctype", "<html", "<head", "<script", "<?xml"].contains(where: lower.hasPrefix) {
      return error(
        "is a web page, not a checkpoint (the download failed)", "fetch it again, and look at what the server answers",
        .webPage)
    }
    let line = start.prefix { !$0.isNewline }
    let quoted = "'\(Name.printable(Array(line.prefix(60).utf8)))\(line.count > 60 ? "…" : "")'"
    if start.first == "{" || start.first == "[" {
      return error(
        "is JSON, not the file itself; it begins \(quoted)", "fetch it again, and look at what the server answers",
        .json)
    }
    guard !isPickle(line) else { return nil }
    return error(
      "is text, not the file itself; it begins \(quoted)", "fetch it again, and look at what the server answers", .text)
  }

  /// Whether a text begins as a pickle of protocol 0 does, which is text too: a mark and a container, or the name of a function.
  private static func isPickle(_ line: some StringProtocol) -> Bool {
    line.hasPrefix("(")
      || line.hasPrefix("c") && line.contains(where: { $0 == "_" || $0 == "." }) && !line.contains(" ")
  }

  /// The text that the bytes are, where they are printable and no short accident.
  private static func plainText(_ head: [UInt8]) -> String? {
    // The last character may be cut.
    let whole = head.count < 1024 ? head[...] : head.dropLast(4)
    guard whole.count >= 2, whole.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d })
    else { return nil }
    return String(validating: whole, as: UTF8.self)
      ?? String(validating: whole.dropLast(whole.reversed().prefix { $0 >= 0x80 }.count), as: UTF8.self)
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> String { Name.printable(Array(bytes.prefix(100))) }
}

extension CheckpointError {
  /// The same error with what its file really is, where the file is something foreign.
  public var explained: CheckpointError {
    guard [.corrupt, .unsupported, .notFound].contains(code), let file, let foreign = ForeignContent.describe(file),
      damage != foreign.damage
    else { return self }
    return CheckpointError(code, foreign.message, remedy: foreign.remedy)
      .at(file: file, variable: variable).because(foreign.damage ?? .text)
  }
}
