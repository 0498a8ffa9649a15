package import CheckpointCore

/// What flows along an edge of the graph. One word wide: copying it shares what it stands for.
package enum Value: Sendable {
  /// Numbers or truth values.
  case dense(DenseTensor)
  case strings(StringTensor)
  /// A handle: a resource variable, a table, a queue, a TensorArray, a stack.
  case resource(Resource)
  /// What a `VariableV2` node yields: the variable itself, read when a kernel asks for its tensor.
  case reference(VariableCell)
  /// A TensorList, as a scalar variant.
  case list(TensorList)

  /// The number's dtype, or nil for handles and lists.
  package var dtype: DType? {
    switch self {
    case .dense(let tensor): tensor.dtype
    case .strings: .string
    case .reference(let variable): variable.dtype
    case .resource, .list: nil
    }
  }

  /// What the value is, for messages: `float32 of shape [2, 3]`.
  package var summary: String {
    switch self {
    case .dense(let tensor): "\(tensor.dtype.rawValue) of shape \(tensor.shape)"
    case .strings(let strings): "string of shape \(strings.shape)"
    case .resource(let resource): "a handle of \(resource.kind)"
    case .reference(let variable): "the variable '\(variable.name)'"
    case .list: "a tensor list"
    }
  }

  /// Whether the only reference to the value's memory is the one in hand, so that it may be overwritten.
  mutating func isOnlyOwner() -> Bool {
    switch consume self {
    case .dense(var tensor):
      let isUnique = isKnownUniquelyReferenced(&tensor) && tensor.ownsItsMemoryAlone
      self = .dense(tensor)
      return isUnique
    case .strings(let strings): self = .strings(strings)
    case .resource(let resource): self = .resource(resource)
    case .reference(let variable): self = .reference(variable)
    case .list(let list): self = .list(list)
    }
    return false
  }
}
