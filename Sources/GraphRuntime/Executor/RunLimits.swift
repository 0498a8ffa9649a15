/// What a run may use before it is stopped with "limit reached".
package struct RunLimits: Sendable {
  /// Nodes executed, loop turns and called functions included.
  package var executedNodes = 20_000_000
  /// Turns of all loops together.
  package var loopTurns = 1_000_000
  /// Functions inside functions.
  package var callDepth = 64
  /// Bytes of all values that live at the same time.
  package var liveBytes = 896 << 20
  /// Seconds of wall time, looked at between nodes; nil for no end.
  package var seconds: Double?

  package init() {}
}
