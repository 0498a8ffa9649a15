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
    for path in Array(groups.keys) + tree.datasets.map({ KerasUnit.prefix($0.path) }) {
      for end in path.bytes.indices where path.bytes[end] == UInt8(ascii: "/") {
        if groups[Name(bytes: path.bytes[..<end])] == nil { groups[Name(bytes: path.bytes[..<end])] = [] }
      }
      if groups[path] == nil { groups[path] = [] }
    }
    tree.groups = groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
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

/// Names as Keras 3 makes them, for layers whose class the weights give away: the class in snake case and a counter.
enum KerasClasses {
  static func named(_ store: VariableStore) throws(CheckpointError) -> PreparedStore {
    var counters: [String: Int] = [:]
    var wrappers: [Name: String] = [:]
    var places: [(path: Name, name: Name)] = []
    var notes: [String] = []
    var groups: [VariableStore.Group] = [.init(path: "vars", attributes: [])]
    var losses: [Loss] = []
    let units = KerasUnit.model(store)
    for unit in units {
      guard let (name, isRecurrent) = classOf(unit) else {
        throw CheckpointError(
          .unsupported, "no layer of Keras is known that has the weights of '\(unit.name)'",
          remedy: "give a file of the same model with --template"
        ).at(variable: unit.members.first?.name)
      }
      let path: String
      let parts = unit.name.description.split(separator: "/")
      if isRecurrent, let last = parts.last, last.hasPrefix("forward_") || last.hasPrefix("backward_") {
        let owner = KerasUnit.prefix(unit.name)
        let wrapper = wrappers[owner] ?? next("bidirectional", &counters)
        wrappers[owner] = wrapper
        path = "layers/\(wrapper)/\(last.hasPrefix("forward_") ? "forward" : "backward")_layer/cell"
      } else {
        path = "layers/\(next(name, &counters))\(isRecurrent ? "/cell" : "")"
      }
      for (i, member) in unit.members.enumerated() {
        places.append((Name("\(path)/vars/\(i)"), member.name))
      }
      groups.append(
        .init(
          path: Name("\(path)/vars"),
          attributes: [try Attribute(name: "name", text: KerasUnit.lastPart(unit.name).bytes)]))
      notes.append("'\(unit.name)' becomes \(path), as its weights are those of such a layer")
    }
    let used = Set(places.map(\.name))
    for variable in store.variables where !used.contains(variable.name) {
      losses.append(Loss(variable: variable.name, reason: "it belongs to no layer, and Keras 3 has no place for it"))
    }
    var named = store
    named.groups = groups
    named.findLayers(places)
    return PreparedStore(named, notes: notes, losses: losses)
  }

  private static func next(_ name: String, _ counters: inout [String: Int]) -> String {
    let count = counters[name, default: 0]
    counters[name] = count + 1
    return count == 0 ? name : "\(name)_\(count)"
  }

  /// The class of a layer, by the last parts of its weights' names and their shapes.
  private static func classOf(_ unit: KerasUnit) -> (name: String, isRecurrent: Bool)? {
    var leaves: [String: Shape] = [:]
    for member in unit.members {
      leaves[KerasUnit.lastPart(KerasNames.plain(member.name)).description] = member.tensor.shape
    }
    if leaves["embeddings"] != nil { return ("embedding", false) }
    if let recurrent = leaves["recurrent_kernel"], recurrent.rank == 2, recurrent.dimensions[0] > 0 {
      switch recurrent.dimensions[1] / recurrent.dimensions[0] {
      case 4: return ("lstm", true)
      case 3: return ("gru", true)
      case 1: return ("simple_rnn", true)
      default: return nil
      }
    }
    if let depthwise = leaves["depthwise_kernel"] {
      let kind = leaves["pointwise_kernel"] == nil ? "depthwise" : "separable"
      return depthwise.rank == 4 || depthwise.rank == 3 ? ("\(kind)_conv\(depthwise.rank - 2)d", false) : nil
    }
    if leaves["moving_mean"] != nil { return ("batch_normalization", false) }
    if leaves["gamma"] != nil || leaves["beta"] != nil { return ("layer_normalization", false) }
    guard let kernel = leaves["kernel"] ?? leaves["weights"] else { return nil }
    switch kernel.rank {
    case 2: return ("dense", false)
    case 3...5: return ("conv\(kernel.rank - 2)d", false)
    default: return nil
    }
  }
}
