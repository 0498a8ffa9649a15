import CheckpointCore
import ProtoWire

/// Which nodes fill the tables and queues of a graph. TensorFlow runs them before the first use of a session; here they run
/// when a node that is needed reads the table, or takes from the queue.
struct ResourceIndex: Sendable {
  /// Nodes that fill a table or queue, by its node.
  private var fillers: [Int: [Int]] = [:]
  /// What each reader must wait for, by reader.
  private var waits: [Int: [Int]] = [:]

  static let none = ResourceIndex()

  private init() {}

  /// - Parameter initializer: a node that fills all tables, where the graph has one.
  init(_ body: Body, initializer: Int?) {
    var holders: [Int: Bool] = [:]
    for (i, node) in body.nodes.enumerated() {
      switch node.op {
      case "HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2": holders[i] = true
      case "FIFOQueue", "FIFOQueueV2", "RandomShuffleQueueV2", "PaddingFIFOQueueV2": holders[i] = false
      default: break
      }
    }
    if holders.isEmpty { return }
    var readers: [(reader: Int, holder: Int)] = []
    for (i, node) in body.nodes.enumerated() {
      for (k, input) in node.inputs.enumerated() {
        guard case .output(let source, _)? = try? body.source(input), let isTable = holders[source] else { continue }
        switch node.op {
        case "InitializeTable", "InitializeTableV2", "LookupTableImport", "LookupTableImportV2",
          "InitializeTableFromTextFile", "InitializeTableFromTextFileV2":
          if k == 0, isTable { fillers[source, default: []].append(i) }
        case "QueueEnqueueMany", "QueueEnqueueManyV2":
          if k == 0, !isTable, !ResourceIndex.ancestors(of: i, body).reachesPlaceholder {
            fillers[source, default: []].append(i)
          }
        case "QueueEnqueue", "QueueEnqueueV2", "QueueClose", "QueueCloseV2": break
        default: readers.append((i, source))
        }
      }
    }
    let before = initializer.map { ResourceIndex.ancestors(of: $0, body).nodes } ?? []
    for (reader, holder) in readers {
      if let own = fillers[holder] {
        waits[reader, default: []] += own
      } else if holders[holder] == true, let initializer, !before.contains(reader) {
        waits[reader, default: []].append(initializer)
      }
    }
  }

  func initializers(of node: Int) -> [Int] { waits[node] ?? [] }

  private static func ancestors(of node: Int, _ body: Body) -> (nodes: Set<Int>, reachesPlaceholder: Bool) {
    var seen: Set<Int> = [node]
    var stack = [node]
    var reachesPlaceholder = false
    while let next = stack.popLast() {
      let def = body.nodes[next]
      if def.op == "Placeholder" || def.op == "PlaceholderV2" { reachesPlaceholder = true }
      for input in def.inputs {
        let position: Int
        switch try? body.source(input) {
        case .output(let source, _)?, .control(let source)?: position = source
        default: continue
        }
        if seen.insert(position).inserted { stack.append(position) }
      }
    }
    return (seen, reachesPlaceholder)
  }
}

extension Graph {
  /// The fillers of a body's tables and queues.
  func resources(_ body: Body) -> ResourceIndex {
    guard !body.isFunction else { return .none }
    let initializer = signatures.first { $0.key == "__saved_model_init_op" }?.outputs.first
    return ResourceIndex(body, initializer: initializer.flatMap { body.position(TensorName($0.tensor).node) })
  }
}
