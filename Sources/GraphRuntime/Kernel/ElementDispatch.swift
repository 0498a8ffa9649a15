package import CheckpointCore

/// A kernel that is the same text for several element types. The static method is compiled once per type.
package protocol ElementKernel {
  static func kernel<T: Element>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

package protocol NumericKernel {
  static func kernel<T: NumericElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

package protocol FloatKernel {
  static func kernel<T: FloatElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

package protocol IntegerKernel {
  static func kernel<T: IntegerElement>(_ type: T.Type, _ node: inout NodeContext) throws(CheckpointError) -> Kernel
}

extension NodeContext {
  /// The kernel for the dtype of an attribute: integers and floats.
  package mutating func numeric<K: NumericKernel>(
    _ key: String, _ kernel: K.Type, default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .float32: return try K.kernel(Float.self, &self)
    case .float64: return try K.kernel(Double.self, &self)
    case .float16: return try K.kernel(Float16.self, &self)
    case .int8: return try K.kernel(Int8.self, &self)
    case .int16: return try K.kernel(Int16.self, &self)
    case .int32: return try K.kernel(Int32.self, &self)
    case .int64: return try K.kernel(Int64.self, &self)
    case .uint8: return try K.kernel(UInt8.self, &self)
    case .uint16: return try K.kernel(UInt16.self, &self)
    case .uint32: return try K.kernel(UInt32.self, &self)
    case .uint64: return try K.kernel(UInt64.self, &self)
    default: throw unsupported(dtype)
    }
  }

  /// The kernel for the dtype of an attribute: floats only.
  package mutating func float<K: FloatKernel>(
    _ key: String, _ kernel: K.Type, default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .float32: return try K.kernel(Float.self, &self)
    case .float64: return try K.kernel(Double.self, &self)
    case .float16: return try K.kernel(Float16.self, &self)
    default: throw unsupported(dtype)
    }
  }

  /// The kernel for the dtype of an attribute: whole numbers only.
  package mutating func integer<K: IntegerKernel>(
    _ key: String, _ kernel: K.Type, default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype {
    case .int8: return try K.kernel(Int8.self, &self)
    case .int16: return try K.kernel(Int16.self, &self)
    case .int32: return try K.kernel(Int32.self, &self)
    case .int64: return try K.kernel(Int64.self, &self)
    case .uint8: return try K.kernel(UInt8.self, &self)
    case .uint16: return try K.kernel(UInt16.self, &self)
    case .uint32: return try K.kernel(UInt32.self, &self)
    case .uint64: return try K.kernel(UInt64.self, &self)
    default: throw unsupported(dtype)
    }
  }

  /// The kernel that moves elements of the dtype of an attribute without looking at them: one per width, as unsigned
  /// integers. Strings are the caller's business.
  package mutating func moving<K: ElementKernel>(
    _ key: String, _ kernel: K.Type, default fallback: DType? = nil
  ) throws(CheckpointError) -> Kernel {
    let dtype = try dtype(key, default: fallback)
    switch dtype.width {
    case 1: return try K.kernel(UInt8.self, &self)
    case 2: return try K.kernel(UInt16.self, &self)
    case 4: return try K.kernel(UInt32.self, &self)
    case 8: return try K.kernel(UInt64.self, &self)
    case 16: return try K.kernel(Complex128.self, &self)
    default: throw unsupported(dtype)
    }
  }
}
