/// The families of ops, one folder and one table each.
enum OpFamilies {
  static let all: [[Op]] = [
    ControlOps.table,
    ArrayOps.table,
    MathOps.table,
    LogicOps.table,
    FunctionOps.table,
    StateOps.table,
    ListOps.table,
    NNOps.table,
    ImageOps.table,
    RandomOps.table,
    SparseOps.table,
    StringOps.table,
  ]
}
