import CheckpointCore
import Conversion
import FormatRegistry

/// The names, dtypes and shapes that a graph restores, as a store whose values nobody has.
enum GraphNames {
  static func store(_ path: String) throws(CheckpointError) -> VariableStore {
    guard path.hasSuffix(".meta"), let source = try Opening.layoutSource(path) else {
      let (store, _) = try Opening.open(path, options: ReadOptions(listingOnly: true))
      Report.warn(store)
      return store
    }
    var store = VariableStore(source: .init(format: "graph", path: path))
    for member in source.groups.first?.members ?? [] {
      let dtype = member.entry.dtype ?? .float32
      let bytes = try member.entry.shape.byteCount(width: dtype.width ?? 1)
      let reason = CheckpointError(.unsupported, "a graph has names and no values").at(file: path)
      let tensor = try Tensor(
        dtype: dtype, shape: member.entry.shape, storage: MissingStorage(byteCount: bytes, reason: reason))
      if !store.contains(member.entry.name) {
        try store.append(Variable(name: member.entry.name, tensor: tensor, role: member.role))
      }
    }
    return store
  }
}
