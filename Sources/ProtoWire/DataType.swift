public import CheckpointCore

/// TensorFlow's numbers for dtypes (`types.proto`). Numbers above 100 are references to a variable of the dtype 100 below.
public enum DataType {
  /// - Returns: nil for the numbers that are not a dtype of data: 0 (invalid), 20 (resource) and unknown ones.
  public static func dtype(_ number: Int) -> DType? {
    switch number {
    case 1: .float32
    case 2: .float64
    case 3: .int32
    case 4: .uint8
    case 5: .int16
    case 6: .int8
    case 7: .string
    case 8: .complex64
    case 9: .int64
    case 10: .bool
    case 11: .qint8
    case 12: .quint8
    case 13: .qint32
    case 14: .bfloat16
    case 15: .qint16
    case 16: .quint16
    case 17: .uint16
    case 18: .complex128
    case 19: .float16
    case 21: .variant
    case 22: .uint32
    case 23: .uint64
    case 24: .float8E5M2
    case 25: .float8E4M3FN
    case 26: .float8E4M3FNUZ
    case 27: .float8E4M3B11FNUZ
    case 28: .float8E5M2FNUZ
    case 29: .int4
    case 30: .uint4
    case 31: .int2
    case 32: .uint2
    default: nil
    }
  }

  public static func number(_ dtype: DType) -> Int {
    switch dtype {
    case .float32: 1
    case .float64: 2
    case .int32: 3
    case .uint8: 4
    case .int16: 5
    case .int8: 6
    case .string: 7
    case .complex64: 8
    case .int64: 9
    case .bool: 10
    case .qint8: 11
    case .quint8: 12
    case .qint32: 13
    case .bfloat16: 14
    case .qint16: 15
    case .quint16: 16
    case .uint16: 17
    case .complex128: 18
    case .float16: 19
    case .variant: 21
    case .uint32: 22
    case .uint64: 23
    case .float8E5M2: 24
    case .float8E4M3FN: 25
    case .float8E4M3FNUZ: 26
    case .float8E4M3B11FNUZ: 27
    case .float8E5M2FNUZ: 28
    case .int4: 29
    case .uint4: 30
    case .int2: 31
    case .uint2: 32
    }
  }
}
