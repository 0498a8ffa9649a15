import CheckpointCore
import Inspection

/// What is sound of a damaged checkpoint, and what is lost with it.
struct Salvage {
  /// A variable that is not in what is written.
  struct Lost {
    /// Nil where not even the name is known.
    let name: Name?
    let reason: String
  }

  let store: VariableStore
  let lost: [Lost]
  private let checkup: Checkup

  /// Reads everything.
  /// - Parameter damaged: opened for salvage.
  init(_ damaged: VariableStore, jobs: Int) throws(CheckpointError) {
    checkup = try Checkup(damaged, jobs: jobs)
    store = try checkup.sound(of: damaged)
    lost =
      zip(damaged.variables, checkup.verdicts).compactMap { variable, verdict in
        guard case .damaged(let error) = verdict else { return nil }
        return Lost(name: variable.name, reason: error.verdict)
      } + checkup.lost.map { Lost(name: $0.variable, reason: $0.message) }
  }

  /// Says what is lost and why.
  /// - Throws: `corrupt` where nothing is left.
  func report(quiet: Bool) throws(CheckpointError) {
    if store.variables.isEmpty, !lost.isEmpty {
      let cause = checkup.causes.first
      throw CheckpointError(
        .corrupt, "\(cause?.message ?? lost[0].reason), and nothing of it is sound", remedy: cause?.remedy
      ).at(file: cause?.file ?? store.source.path)
    }
    guard !quiet else { return }
    for suspicion in checkup.suspicions { Console.say("warning: \(suspicion)") }
    for one in lost {
      Console.say("lost: \(one.name.map { "'\($0)'" } ?? "something without a name"): \(one.reason)")
    }
    for cause in checkup.causes { Console.say("cause: \(cause)") }
  }

  static func write(_ lost: [Lost], to json: inout JSONWriter) {
    json.array("lost") { json in
      for one in lost {
        json.object(inline: true) { json in
          if let name = one.name { json.value("name", name) } else { json.null("name") }
          json.value("reason", one.reason)
        }
      }
    }
  }
}
