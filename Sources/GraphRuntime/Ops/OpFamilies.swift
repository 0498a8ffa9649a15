/// The families of ops, one folder and one table each.
enum OpFamilies {
  static let all: [[Op]] = [
    ControlOps.table,
    NNOps.table,
  ]
}
