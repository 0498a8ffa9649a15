import CheckpointCore

/// What happens to moving averages and the variables they belong to.
public enum MovingAverages: String, CaseIterable, Sendable {
  /// Both stay.
  case keep
  /// Each average takes the place of its variable, under the variable's name.
  case only
  /// The variables stay.
  case drop

  /// Variables with their averages dealt with.
  struct Applied {
    /// Under the names that they will have; where an average takes a variable's place, with its tensor.
    var variables: [Variable]
    /// The averages that took a place, by the name that they took.
    var shadows: [Name: Variable] = [:]
    var leftOut: [Name] = []
    var notes: [String] = []
  }

  /// - Throws: `notFound` where there are no averages to take, `usage` where two belong to one variable, `unsupported` where one
  ///   has another dtype or shape than its variable.
  func apply(to variables: [Variable], of store: VariableStore) throws(CheckpointError) -> Applied {
    let averages = variables.filter { $0.role == .ema }
    switch self {
    case .keep: return Applied(variables: variables)
    case .drop:
      var applied = Applied(variables: variables.filter { $0.role != .ema })
      applied.leftOut = averages.map(\.name)
      return applied
    case .only: break
    }
    guard !averages.isEmpty else {
      throw CheckpointError(
        .notFound, "there are no moving averages among its variables", remedy: "leave out --ema only"
      ).at(file: store.source.path)
    }
    var applied = Applied(variables: [])
    for average in averages {
      guard let name = store.owner(of: average), let variable = store[name] else {
        throw CheckpointError(
          .unsupported, "is a moving average of a variable that is not there",
          remedy: "give it the variable's name with --rename, or leave it out with --ema drop"
        ).at(variable: average.name)
      }
      guard average.tensor.shape == variable.tensor.shape, average.tensor.dtype == variable.tensor.dtype else {
        throw CheckpointError(
          .unsupported,
          "is \(average.tensor.dtype.rawValue) \(average.tensor.shape), and its variable '\(name)' is \(variable.tensor.dtype.rawValue) \(variable.tensor.shape)"
        ).at(variable: average.name)
      }
      if let other = applied.shadows.updateValue(average, forKey: name) {
        throw CheckpointError(
          .usage, "'\(name)' has two moving averages, '\(other.name)' and '\(average.name)'",
          remedy: "leave one out with --except and the other with --rename")
      }
      applied.leftOut.append(name)
      applied.notes.append("'\(name)' has the values of its moving average '\(average.name)'")
    }
    for variable in variables where variable.role != .ema {
      guard let average = applied.shadows[variable.name] else {
        applied.variables.append(variable)
        continue
      }
      applied.variables.append(
        Variable(name: variable.name, tensor: average.tensor, role: variable.role, attributes: variable.attributes))
    }
    let others = applied.variables.count { $0.role == .weight && applied.shadows[$0.name] == nil }
    if others > 0 {
      applied.notes.append(
        "\(others) \(others == 1 ? "weight has" : "weights have") no moving average and keep\(others == 1 ? "s" : "") the values"
      )
    }
    return applied
  }
}
