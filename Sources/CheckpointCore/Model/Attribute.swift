/// A small named value that belongs to a variable or a group and not to the model's numbers: a note, a version, a
/// configuration. Carried along; never interpreted.
public struct Attribute: Sendable {
  public enum Value: Sendable {
    /// In memory.
    case tensor(Tensor)
    /// A dtype and no value at all, as an HDF5 null dataspace has it.
    case nothing(DType)
  }

  public let name: Name
  public let value: Value

  public init(name: Name, value: Value) {
    self.name = name
    self.value = value
  }

  /// One string.
  public init(name: Name, text: [UInt8]) throws(CheckpointError) {
    self.init(name: name, value: .tensor(try Tensor(dtype: .string, shape: .scalar, storage: StringStorage([text]))))
  }

  /// Strings, where the value is made of them.
  public var strings: [[UInt8]]? {
    guard case .tensor(let tensor) = value, let storage = tensor.storage as? StringStorage,
      let characters = storage.characters as? MemoryStorage
    else { return nil }
    var position = 0
    return storage.lengths.map { length in
      position += length
      return Array(characters.bytes[position - length..<position])
    }
  }
}
