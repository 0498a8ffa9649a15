import CheckpointCore
import FormatRegistry
import GraphRuntime
import Inspection

extension InspectedStore {
  /// One object; keys are only ever added. README.md has an example.
  func json(withScopes: Bool) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.value("format", store.source.format)
      json.value("path", found.path)
      json.array("files") { json in
        for file in files {
          json.object(inline: true) { json in
            json.value("name", file.name)
            json.value("bytes", file.bytes)
            if isSharded { json.value("variables", file.variables) }
          }
        }
      }
      if let graph = store.graph?.path { json.value("graph", splitPath(graph).last) }
      if let graph { write(graph, to: &json) }
      json.array("variables") { json in for i in store.variables.indices { writeVariable(i, to: &json) } }
      json.object("totals") { json in
        json.value("variables", store.variables.count)
        json.value("elements", elements)
        json.value("bytes", store.byteCount)
        InspectedStore.write("roles", roles, to: &json)
        InspectedStore.write("dtypes", dtypes, to: &json)
      }
      if withScopes { json.array("scopes") { json in InspectedStore.write(ScopeTree(store), to: &json) } }
      if !store.source.unreadable.isEmpty {
        json.array("unreadable") { json in
          for loss in store.source.unreadable {
            json.object(inline: true) { json in
              json.value("name", loss.variable)
              json.value("reason", loss.reason)
            }
          }
        }
      }
      json.array("warnings") { json in
        for warning in store.source.warnings + (graphWarning.map { [$0] } ?? []) { json.value(nil, warning) }
      }
    }
    return json.finished()
  }

  private func writeVariable(_ i: Int, to json: inout JSONWriter) {
    let variable = store.variables[i]
    json.object(inline: true) { json in
      json.value("name", variable.name)
      json.value("dtype", variable.tensor.dtype.rawValue)
      json.array("shape") { json in for size in variable.tensor.shape.dimensions { json.value(nil, size) } }
      json.value("bytes", variable.tensor.byteCount)
      json.value("role", variable.role.rawValue)
      if let sum = digests?[i] { json.value("sha256", sum) }
      if isSharded, let path = variable.tensor.file { json.value("file", splitPath(path).last) }
      if let statistics {
        if let one = statistics[i] { InspectedStore.write(one, to: &json) } else { json.null("stats") }
      }
    }
  }

  private static func write(_ statistics: TensorStatistics, to json: inout JSONWriter) {
    json.object("stats", inline: true) { json in
      let values = [
        ("min", statistics.minimum), ("max", statistics.maximum),
        ("mean", statistics.deviation.map { _ in statistics.mean }), ("std", statistics.deviation),
      ]
      for (key, value) in values { if let value { json.value(key, value) } else { json.null(key) } }
      json.value("zeros", statistics.zeros)
      json.value("nan", statistics.nans)
      json.value("inf", statistics.infinities)
    }
  }

  private static func write(_ key: String, _ totals: [Total], to json: inout JSONWriter) {
    json.object(key) { json in
      for total in totals {
        json.object(total.kind, inline: true) { json in
          json.value("variables", total.variables)
          json.value("bytes", total.bytes)
        }
      }
    }
  }

  /// Each scope before those inside it, the root left out.
  private static func write(_ tree: ScopeTree, to json: inout JSONWriter) {
    if !tree.scope.bytes.isEmpty, !tree.children.isEmpty {
      json.object(inline: true) { json in
        json.value("scope", tree.scope)
        json.value("variables", tree.variables)
        json.value("elements", tree.elements)
        json.value("bytes", tree.bytes)
      }
    }
    for child in tree.children { write(child, to: &json) }
  }

  private func write(_ graph: GraphSummary, to json: inout JSONWriter) {
    json.array("inputs") { json in for tensor in graph.inputs { InspectedStore.write(tensor, to: &json) } }
    json.array("outputs") { json in for tensor in graph.outputs { InspectedStore.write(tensor, to: &json) } }
    json.array("signatures") { json in
      for signature in graph.signatures {
        json.object { json in
          json.value("name", signature.key)
          for (key, members) in [("inputs", signature.inputs), ("outputs", signature.outputs)] {
            json.array(key) { json in
              for member in members {
                let tensor = GraphSummary.Tensor(name: member.tensor, dtype: member.dtype, shape: member.shape)
                InspectedStore.write(tensor, key: member.name, to: &json)
              }
            }
          }
        }
      }
    }
  }

  private static func write(_ tensor: GraphSummary.Tensor, key: String? = nil, to json: inout JSONWriter) {
    json.object(inline: true) { json in
      if let key { json.value("key", key) }
      json.value("name", tensor.name)
      if let dtype = tensor.dtype { json.value("dtype", dtype.rawValue) }
      if let shape = tensor.shape {
        json.array("shape") { json in
          for size in shape { if size < 0 { json.null(nil) } else { json.value(nil, size) } }
        }
      }
    }
  }
}
