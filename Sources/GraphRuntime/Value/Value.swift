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
}

extension Optional where Wrapped == Value {
  /// Whether the only reference to the value's memory is the one in this variable, so that it may be overwritten.
  mutating func isOnlyOwner() -> Bool {
    guard case .dense(var tensor)? = self else { return false }
    // While it is looked at, the local variable is the one that counts.
    self = nil
    let isUnique = isKnownUniquelyReferenced(&tensor) && tensor.ownsItsMemoryAlone
    self = .dense(tensor)
    return isUnique
  }
}
