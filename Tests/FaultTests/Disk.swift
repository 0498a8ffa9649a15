import CheckpointCore

/// A disk as a power failure may leave it. Writes reach it when the file is synchronised, names when their folder is; before that each
/// may or may not have.
struct Disk {
  private struct File {
    var bytes: [UInt8] = []
    var durable: [UInt8] = []
  }

  /// A change of one name: the file that it leads to from now on, or none.
  private struct Change {
    let folder: String
    let names: [(path: String, file: Int?)]
  }

  private var files: [File] = []
  private var names: [String: Int] = [:]
  private var durableNames: [String: Int] = [:]
  private var pending: [Change] = []

  /// A disk with durable files, by path.
  init(_ contents: [String: [UInt8]]) {
    for (path, bytes) in contents {
      files.append(File(bytes: bytes, durable: bytes))
      names[path] = files.count - 1
    }
    durableNames = names
  }

  mutating func apply(_ call: Faults.Call) {
    switch call.kind {
    case .create:
      files.append(File())
      change(call.path, [(call.path, files.count - 1)])
    case .write:
      guard let file = names[call.path] else { return }
      grow(file, to: call.offset + call.bytes.count)
      files[file].bytes.replaceSubrange(call.offset..<call.offset + call.bytes.count, with: call.bytes)
    case .truncate:
      guard let file = names[call.path] else { return }
      files[file].bytes = Array(files[file].bytes.prefix(call.offset))
      grow(file, to: call.offset)
    case .reserve:
      if let file = names[call.path] { grow(file, to: call.offset) }
    case .sync:
      if let file = names[call.path] { files[file].durable = files[file].bytes } else { settle(call.path) }
    case .rename, .renameExclusive: change(call.other, [(call.path, nil), (call.other, names[call.path])])
    case .link: change(call.other, [(call.other, names[call.path])])
    case .unlink: change(call.path, [(call.path, nil)])
    case .open, .read, .makeFolder, .removeFolder: break
    }
  }

  private mutating func grow(_ file: Int, to size: Int) {
    let missing = size - files[file].bytes.count
    if missing > 0 { files[file].bytes += [UInt8](repeating: 0, count: missing) }
  }

  private mutating func change(_ path: String, _ names: [(path: String, file: Int?)]) {
    for (path, file) in names { self.names[path] = file }
    pending.append(Change(folder: splitPath(path).folder, names: names))
  }

  /// Makes the names in a folder durable.
  private mutating func settle(_ folder: String) {
    for change in pending where change.folder == folder {
      for (path, file) in change.names { durableNames[path] = file }
    }
    pending.removeAll { $0.folder == folder }
  }

  /// What may be found after a power failure now: of the changes that are not durable none, all, each alone, or all but each; of the
  /// bytes that are not, none or all.
  var possibilities: [[String: [UInt8]]] {
    var subsets: [Set<Int>] = [[], Set(pending.indices)]
    for i in pending.indices { subsets += [[i], Set(pending.indices).subtracting([i])] }
    return Set(subsets).flatMap { subset in
      var found = durableNames
      for i in subset.sorted() { for (path, file) in pending[i].names { found[path] = file } }
      return [found.mapValues { files[$0].durable }, found.mapValues { files[$0].bytes }]
    }
  }
}
