package import CheckpointCore
import HDF5Library
import ZipArchive

/// Writes `.weights.h5`, or along a `.keras` template another `.keras`. Format: KerasV3/FORMAT.md.
package struct KerasV3Writer: CheckpointWriter {
  package init() {}

  package func losses(writing store: VariableStore) -> [Loss] { KerasH5Writer().losses(writing: store) }

  package func prepare(_ store: VariableStore, options: WriteOptions) throws(CheckpointError) -> PreparedStore {
    if let path = options.template {
      let template = try KerasV3Reader().open(path, options: ReadOptions())
      return try locating(file: path) { () throws(CheckpointError) in try KerasTemplate.fill(template, from: store) }
    }
    let placed = Set(
      store.layers.flatMap { $0.labels.allSatisfy { NumberedVariable.split($0) != nil } ? $0.members : [] })
    if store.variables.allSatisfy({ NumberedVariable.split($0.name) != nil || placed.contains($0.name) }) {
      return PreparedStore(store)
    }
    return try KerasClasses.named(store)
  }

  package func write(
    _ store: VariableStore, to output: inout StagedOutput, options: WriteOptions
  ) throws(CheckpointError) {
    var tree = HDF5Tree()
    var groups: [Name: [Attribute]] = ["": []]
    for group in store.groups { groups[group.path, default: []] += group.attributes }
    var paths: [Name: Name] = [:]
    for layer in store.layers {
      for (name, label) in zip(layer.members, layer.labels) where NumberedVariable.split(label) != nil {
        paths[name] = label
      }
    }
    for variable in store.variables {
      var named = variable
      let path = paths[variable.name] ?? variable.name
      named.attributes += try TreePath.attributes(variable.name, at: path)
      tree.datasets.append((path, named))
    }
    tree.setGroups(groups)
    let size = options.compression == nil ? store.byteCount : 0
    if let path = options.template, try InputFile(path).isArchive {
      try write(
        tree, like: try ZipArchive(path), to: try output.create(suffix: ".keras", place: .index, size: size), options)
    } else {
      try tree.write(to: try output.create(suffix: ".weights.h5", place: .index, size: size), options: options)
    }
  }

  /// The descriptions of the template, then the weights.
  private func write(
    _ tree: HDF5Tree, like template: ZipArchive, to file: OutputFile, _ options: WriteOptions
  ) throws(CheckpointError) {
    var zip = ZipWriter()
    var sums: [UInt32] = []
    var contents: [[UInt8]] = []
    let others = template.members.filter { $0.name != KerasV3Reader.weightsMember }
    for member in others {
      contents.append(try template.contents(of: member, limit: 256 << 20))
      sums.append(CRC32(of: contents.last ?? []).value)
      _ = try zip.add(member.name, size: member.size)
    }
    // How long the member is is known when it is there; a header of the same length is written then.
    var whole = zip
    let base = try zip.add(KerasV3Reader.weightsMember, size: tree.byteCount)
    let size = try tree.write(to: file, at: base, options: options)
    guard try whole.add(KerasV3Reader.weightsMember, size: size) == base else {
      throw CheckpointError(.unsupported, "the weights end where a zip archive changes its form; split them first")
    }
    sums.append(try CRC32(of: try InputFile(file.path), from: base, count: size).value)
    for (i, bytes) in contents.enumerated() {
      let (header, offset) = whole.header(of: i, crc32: sums[i])
      try file.write(header + bytes, at: offset)
    }
    let (header, offset) = whole.header(of: contents.count, crc32: sums[contents.count])
    try file.write(header, at: offset)
    let (directory, end) = whole.directory(sums)
    try file.write(directory, at: end)
    try file.truncate(to: end + directory.count)
  }
}

extension InputFile {
  var isArchive: Bool {
    get throws(CheckpointError) { try bytes(at: 0, count: min(2, size)) == Array("PK".utf8) }
  }
}

extension CRC32 {
  /// Of a range of a file.
  init(of file: InputFile, from start: Int, count: Int) throws(CheckpointError) {
    self.init()
    var buffer = ChunkBuffer()
    try buffer.forEachChunk(of: try FileStorage(file, offset: start, byteCount: count), in: 0..<count) { chunk, _ in
      update(chunk)
    }
  }
}
