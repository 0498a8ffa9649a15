/// What a run may use before it is stopped with "limit reached".
package struct RunLimits: Sendable {
  /// Nodes executed, loop turns and called functions included.
  package var executedNodes = 30_000_000
  /// Turns of all loops together.
  package var loopTurns = 1_000_000
  /// Seconds from the first turn of a loop to the last, because nothing else tells a loop that never ends from a slow one;
  /// nil for no end.
  package var loopSeconds: Double? = 8
  /// Functions inside functions.
  package var callDepth = 64
  /// Bytes of all values that live at the same time.
  package var liveBytes = 896 << 20
  /// Seconds of wall time, looked at between nodes; nil for no end.
  package var seconds: Double? = 600

  package init() {}

  /// What a person allows, who knows the graph: so many seconds for a run, its loops included, and so many MiB for its values.
  package init(seconds: Double?, mebibytes: Int?) {
    if let seconds { (self.seconds, loopSeconds) = (seconds, nil) }
    if let mebibytes {
      liveBytes = mebibytes.multipliedReportingOverflow(by: 1 << 20).overflow ? .max : mebibytes << 20
    }
  }

  static let longer = "--max-seconds allows more"
  static let larger = "--max-memory allows more"
}
