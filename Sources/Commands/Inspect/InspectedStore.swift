import CheckpointCore
import FormatRegistry
import Inspection

/// A checkpoint and what was found out about it, to be shown.
struct InspectedStore {
  let store: VariableStore
  let found: Opening.Found
  let graph: GraphSummary?
  /// Why a graph that is there cannot be shown.
  let graphWarning: String?
  /// Files with the number of variables whose bytes each holds.
  let files: [(name: String, bytes: Int, variables: Int)]
  /// Whether the variables lie in several files.
  let isSharded: Bool
  /// For each variable, where they were asked for.
  var digests: [String?]?
  var statistics: [TensorStatistics?]?
  var histograms: [Histogram?]?

  init(_ store: VariableStore, _ found: Opening.Found) {
    self.store = store
    self.found = found
    var counts: [String: Int] = [:]
    for variable in store.variables { if let path = variable.tensor.file { counts[path, default: 0] += 1 } }
    files = store.source.files.map { (splitPath($0.path).last, $0.size, counts[$0.path] ?? 0) }
    isSharded = files.count { $0.variables > 0 } > 1
    do throws(CheckpointError) {
      graph = try GraphSummary(of: store, found)
      graphWarning = nil
    } catch {
      graph = nil
      graphWarning = "the graph cannot be shown: \(error)"
    }
  }

  /// Variables of one kind, counted.
  struct Total {
    let kind: String
    let variables: Int
    let bytes: Int
  }

  /// Roles in the order in which `Role` lists them.
  var roles: [Total] {
    Role.allCases.compactMap { role in total(role.rawValue) { $0.role == role } }
  }

  /// The dtype with the most bytes first.
  var dtypes: [Total] {
    DType.allCases.compactMap { dtype in total(dtype.rawValue) { $0.tensor.dtype == dtype } }
      .sorted { $0.bytes > $1.bytes }
  }

  private func total(_ kind: String, _ isMember: (Variable) -> Bool) -> Total? {
    let members = store.variables.filter(isMember)
    guard !members.isEmpty else { return nil }
    let bytes = members.reduce(0) { $0.addingReportingOverflow($1.tensor.byteCount).partialValue }
    return Total(kind: kind, variables: members.count, bytes: bytes)
  }

  var elements: Int {
    store.variables.reduce(0) { $0.addingReportingOverflow($1.tensor.shape.elementCount).partialValue }
  }
}
