import CKernels
import CheckpointCore

/// Comparisons, truth values, and the choice between two values.
enum LogicOps {
  static let table: [Op] = [
    .comparison("Less", CK_COMPARE_LT),
    .comparison("LessEqual", CK_COMPARE_LE),
    .comparison("Greater", CK_COMPARE_GT),
    .comparison("GreaterEqual", CK_COMPARE_GE),
    .moving("Equal", outputs: 0) { (node) throws(CheckpointError) in try Equality.build(&node, isEqual: true) },
    .moving("NotEqual", outputs: 0) { (node) throws(CheckpointError) in try Equality.build(&node, isEqual: false) },
    Op("ApproximateEqual") { (node) throws(CheckpointError) in try node.arithmetic("T", ApproximateEqual(), outputs: 0)
    },
    .plain("LogicalAnd") { context throws(CheckpointError) in
      try context.emitPairs(UInt8.self, into: UInt8.self, as: .bool) { $0 & $1 }
    },
    .plain("LogicalOr") { context throws(CheckpointError) in
      try context.emitPairs(UInt8.self, into: UInt8.self, as: .bool) { $0 | $1 }
    },
    .plain("LogicalNot") { context throws(CheckpointError) in
      let x = try context.tensor(0, .bool)
      let y = try context.allocate(.bool, x.shape)
      let from = x.elements(UInt8.self)
      var to = y.mutableElements(UInt8.self)
      for i in from.indices { to[i] = from[i] == 0 ? 1 : 0 }
      context.emit(y)
    },
    .moves("Select", Select.select),
    .moves("SelectV2", Select.selectV2),
  ]
}

extension Op {
  fileprivate static func comparison(_ name: String, _ op: ck_compare) -> Op {
    Op(name) { (node) throws(CheckpointError) in try node.arithmetic("T", Comparison(op: op), outputs: 0) }
  }
}
