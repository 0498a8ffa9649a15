package import CheckpointCore

/// Reads safetensors files. Format: FORMAT.md.
package struct SafetensorsReader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    return try locating(file: path) { () throws(CheckpointError) in
      let header = try SafetensorsHeader(file, salvage: options.salvage)
      let needed = header.dataOffset + (header.entries.map(\.range.upperBound).max() ?? 0)
      var store = VariableStore(
        source: .init(format: "safetensors", path: path, files: [file], warnings: header.warnings))
      for entry in header.entries {
        let isThere = header.dataOffset + entry.range.upperBound <= file.size
        let storage: any TensorStorage =
          try isThere
          ? FileStorage(file, offset: header.dataOffset + entry.range.lowerBound, byteCount: entry.range.count)
          : MissingStorage(byteCount: entry.range.count, reason: .cutShort(file, needed: needed))
        let tensor = try Tensor(dtype: entry.dtype, shape: entry.shape, storage: storage)
        try store.append(Variable(name: entry.name, tensor: tensor, role: .weight))
      }
      store.inferRoles()
      return store
    }
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    let path = candidate.path
    switch candidate.kind {
    case .file:
      if path.hasSuffix(".safetensors") { return path }
      guard candidate.head.count > 8, candidate.head[8] == UInt8(ascii: "{") else { return nil }
      let length = candidate.head[..<8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
      return length <= UInt64(candidate.size - 8) ? path : nil
    case .missing: return Candidate.isFile(path + ".safetensors") ? path + ".safetensors" : nil
    case .folder: return nil
    }
  }
}
