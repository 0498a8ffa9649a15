package import CheckpointCore

/// What a node does: reads the inputs of its context, emits its outputs in order. Made once per node, when the graph is
/// loaded; called once per execution.
package typealias Kernel = @Sendable (inout KernelContext) throws(CheckpointError) -> Void

/// Checks a node's attributes and makes its kernel. What it throws is listed with the faults of all other nodes before
/// anything runs.
package typealias KernelBuilder = @Sendable (inout NodeContext) throws(CheckpointError) -> Kernel

/// A row of a family's table: an op by TensorFlow's name.
package struct Op: Sendable {
  package let name: String
  package let build: KernelBuilder

  package init(_ name: String, _ build: @escaping KernelBuilder) {
    self.name = name
    self.build = build
  }

  /// An op without attributes that matter.
  package static func plain(_ name: String, _ kernel: @escaping Kernel) -> Op {
    Op(name) { _ in kernel }
  }
}

/// Every op that the runtime knows.
package struct OpRegistry: Sendable {
  private let builders: [String: KernelBuilder]

  /// - Throws: `unsupported` where two rows have one name.
  package init(_ families: [[Op]]) throws(CheckpointError) {
    var builders: [String: KernelBuilder] = [:]
    builders.reserveCapacity(families.reduce(0) { $0 + $1.count })
    for family in families {
      for op in family {
        guard builders.updateValue(op.build, forKey: op.name) == nil else {
          throw CheckpointError(.unsupported, "the op \(op.name) is registered twice")
        }
      }
    }
    self.builders = builders
  }

  /// All families of `Ops/`.
  package static func standard() throws(CheckpointError) -> OpRegistry { try OpRegistry(OpFamilies.all) }

  package subscript(name: String) -> KernelBuilder? { builders[name] }

  /// All names, sorted.
  package var names: [String] { builders.keys.sorted() }
}
