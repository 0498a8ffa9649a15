import CheckpointCore
import ProtoWire

/// Which key of a checkpoint belongs to which variable of a graph. Names usually agree; where they do not, the truth is what
/// the graph's savers restore into the variable (RestoreV2 → Assign), then what they save from it (SaveV2), then the object
/// graph of a TensorFlow 2 checkpoint.
final class VariableKeys: @unchecked Sendable {
  /// A variable of the checkpoint, or a part of it.
  struct Found {
    let variable: Variable
    let slice: SliceSpec?
  }

  private struct Candidate {
    let key: Name
    let slice: SliceSpec?
    let isMain: Bool
    let isRestore: Bool
  }

  private let graph: Graph
  private let store: VariableStore
  private var candidates: [String: [Candidate]]?
  private var objectKeys: [String: Name]?

  init(_ graph: Graph, _ store: VariableStore) {
    self.graph = graph
    self.store = store
  }

  func find(_ spec: VariableSpec) throws(CheckpointError) -> Found? {
    let list = try savers()[spec.node] ?? []
    // The saver that the graph names as its own comes first.
    for candidate in list where candidate.isMain {
      if let found = store[candidate.key] { return Found(variable: found, slice: candidate.slice) }
    }
    if let found = store[Name(spec.node)] { return Found(variable: found, slice: nil) }
    for candidate in list {
      if let found = store[candidate.key] { return Found(variable: found, slice: candidate.slice) }
    }
    if !spec.sharedName.isEmpty, let found = store[Name(spec.sharedName)] { return Found(variable: found, slice: nil) }
    for name in [spec.sharedName, spec.node] where !name.isEmpty {
      if let key = try objects()[name], let found = store[key] { return Found(variable: found, slice: nil) }
      if let found = store[Name(name + ":0")] { return Found(variable: found, slice: nil) }
    }
    return nil
  }

  // MARK: Savers

  private func savers() throws(CheckpointError) -> [String: [Candidate]] {
    if let candidates { return candidates }
    var found: [String: [Candidate]] = [:]
    // The scope of the graph's own saver: `save/` for `save/restore_all`.
    let restore = graph.saver.map { TensorName($0.restoreOperation).node } ?? ""
    let scope = restore.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(restore[...$0]) }
    try scan(graph.body, found: &found) { node in
      guard let scope else { return false }
      return node.hasPrefix(scope)
    } variable: { source throws(CheckpointError) in
      guard case .output(let node, _) = source else { return nil }
      return self.graph.body.nodes[node].name
    }
    // TensorFlow 2 restores in a function that the named node calls with the variables' handles.
    if let call = graph.body.position(restore),
      case .function(let name, _)? = try graph.body.nodes[call].attribute("f"),
      let message = graph.functions[name]
    {
      let arguments = graph.body.nodes[call].inputs
      try scan(try Body(try FunctionDef(message)), found: &found) { _ in
        true
      } variable: { source throws(CheckpointError) in
        guard case .argument(let index) = source, index < arguments.count,
          case .output(let node, _) = try self.graph.body.source(arguments[index])
        else { return nil }
        return self.graph.body.nodes[node].name
      }
    }
    // What is restored speaks before what is saved.
    candidates = found.mapValues { list in list.filter(\.isRestore) + list.filter { !$0.isRestore } }
    return candidates ?? [:]
  }

  private func scan(
    _ body: Body, found: inout [String: [Candidate]], isMain: (String) -> Bool,
    variable: (Source) throws(CheckpointError) -> String?
  ) throws(CheckpointError) {
    var restores: [Int: (keys: [[UInt8]], slices: [[UInt8]])] = [:]
    for (i, node) in body.nodes.enumerated() where node.op == "RestoreV2" || node.op == "SaveV2" {
      let inputs = node.inputs
      guard inputs.count >= 3, let keys = try strings(body, inputs[1]), let slices = try strings(body, inputs[2])
      else { continue }
      guard node.op == "SaveV2" else {
        restores[i] = (keys, slices)
        continue
      }
      for (k, input) in inputs.dropFirst(3).enumerated() where k < keys.count {
        guard let source = try origin(body, input, through: ["Identity", "ReadVariableOp"]),
          let name = try variable(source)
        else { continue }
        let slice = try k < slices.count ? SliceSpec(slices[k]) : nil
        found[name, default: []].append(
          Candidate(key: Name(bytes: keys[k]), slice: slice, isMain: isMain(node.name), isRestore: false))
      }
    }
    if restores.isEmpty { return }
    for node in body.nodes where node.op == "Assign" || node.op == "AssignVariableOp" {
      let inputs = node.inputs
      guard inputs.count >= 2, let value = try origin(body, inputs[1], through: ["Identity"]),
        case .output(let restore, let k) = value, let (keys, slices) = restores[restore], k < keys.count,
        let name = try variable(try body.source(inputs[0]))
      else { continue }
      let slice = try k < slices.count ? SliceSpec(slices[k]) : nil
      found[name, default: []].append(
        Candidate(key: Name(bytes: keys[k]), slice: slice, isMain: isMain(node.name), isRestore: true))
    }
  }

  /// Where a value comes from, behind ops that only pass it on.
  private func origin(_ body: Body, _ input: String, through ops: Set<String>) throws(CheckpointError) -> Source? {
    var source = try body.source(input)
    for _ in 0..<16 {
      guard case .output(let node, _) = source, ops.contains(body.nodes[node].op),
        let next = body.nodes[node].inputs.first
      else { return source }
      source = try body.source(next)
    }
    return nil
  }

  private func strings(_ body: Body, _ input: String) throws(CheckpointError) -> [[UInt8]]? {
    guard case .output(let node, _) = try body.source(input), body.nodes[node].op == "Const",
      case .tensor(let message)? = try body.nodes[node].attribute("value")
    else { return nil }
    return try TensorProto(message).stringElements()
  }

  // MARK: Object graph

  private func objects() throws(CheckpointError) -> [String: Name] {
    if let objectKeys { return objectKeys }
    var keys: [String: Name] = [:]
    for attribute in try ObjectGraph(of: store)?.attributes ?? [] {
      if let name = attribute.fullName.text, !name.isEmpty { keys[name] = attribute.key }
    }
    objectKeys = keys
    return keys
  }
}

/// A part of a variable as a saver names it: the whole's sizes, then per dimension `start,length` or `-` for all
/// (`10 4 0,5:-`). An empty text is the whole.
struct SliceSpec: Sendable {
  private let whole: [Int]
  /// Nil: all of the dimension.
  private let extents: [Range<Int>?]

  /// - Returns: nil for the whole.
  init?(_ text: [UInt8]) throws(CheckpointError) {
    let parts = text.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
    guard let last = parts.last else { return nil }
    let wrong = CheckpointError(.corrupt, "a saver names the slice '\(Name(bytes: text))', which makes no sense")
    var whole: [Int] = []
    for part in parts.dropLast() {
      guard let size = Int(part), size >= 0 else { throw wrong }
      whole.append(size)
    }
    var extents: [Range<Int>?] = []
    for extent in last.split(separator: ":") {
      if extent == "-" {
        extents.append(nil)
        continue
      }
      let numbers = extent.split(separator: ",").compactMap { Int($0) }
      guard numbers.count == 2, numbers[0] >= 0, numbers[1] >= 0 else { throw wrong }
      let (end, overflow) = numbers[0].addingReportingOverflow(numbers[1])
      guard !overflow else { throw wrong }
      extents.append(numbers[0]..<end)
    }
    guard whole.count == extents.count else { throw wrong }
    self.whole = whole
    self.extents = extents
  }

  /// The shape of the part.
  /// - Throws: `corrupt` where the whole has another shape than the saver says.
  func shape(of stored: Shape) throws(CheckpointError) -> Shape {
    var sizes: [Int] = []
    for (i, extent) in extents.enumerated() { sizes.append(extent?.count ?? whole[i]) }
    // The checkpoint may hold just the part, under a key of its own.
    if stored.dimensions == sizes { return stored }
    guard stored.dimensions == whole, zip(extents, whole).allSatisfy({ ($0?.upperBound ?? 0) <= $1 }) else {
      throw CheckpointError(.corrupt, "has the shape \(stored), but the graph's saver expects \(whole)")
    }
    return try Shape(sizes)
  }

  /// The part, copied out of the whole.
  func cut(_ tensor: DenseTensor, _ shape: Shape, _ budget: MemoryBudget) throws(CheckpointError) -> DenseTensor {
    let part = try DenseTensor(tensor.dtype, shape, budget: budget, isPinned: true)
    guard shape.elementCount > 0 else { return part }
    // Runs of the last dimension, counted like an odometer over the outer ones.
    let strides = denseStrides(tensor.dimensions)
    let starts = extents.map { $0?.lowerBound ?? 0 }
    let rank = shape.rank
    let run = rank == 0 ? 1 : shape.dimensions[rank - 1]
    var index = [Int](repeating: 0, count: max(rank - 1, 0))
    var done = 0
    while done < shape.elementCount {
      var first = rank == 0 ? 0 : starts[rank - 1]
      for d in index.indices { first += (starts[d] + index[d]) * strides[d] }
      let row = try tensor.elements(from: first, as: try Shape([run]))
      try part.copy(row, toByteOffset: done * tensor.width)
      done += run
      var d = index.count - 1
      while d >= 0 {
        index[d] += 1
        if index[d] < shape.dimensions[d] { break }
        index[d] = 0
        d -= 1
      }
    }
    return part
  }
}
