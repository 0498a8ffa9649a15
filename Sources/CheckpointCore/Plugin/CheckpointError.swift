/// What went wrong, as a sentence for the person at the terminal: what, where, and the way out if there is one.
///
/// The frame that knows a fact adds it: a decoder knows the offset, its caller the variable, the reader the file.
public struct CheckpointError: Error, Sendable {
  /// Whose fault it is; each has its exit status (`sysexits.h` numbers).
  public enum Code: Int32, Sendable {
    /// Verified, and different.
    case different = 1
    /// The command line does not make sense.
    case usage = 64
    /// The input's content contradicts itself or its format.
    case corrupt = 65
    /// A file, or a name in it, is not there.
    case notFound = 66
    /// Valid, but not something that this program, or the target format, can hold.
    case unsupported = 69
    /// The output cannot be made, or is already there.
    case cannotCreate = 73
    /// The machine failed to read or write.
    case io = 74
    /// Stopped by a signal.
    case interrupted = 130
  }

  public let code: Code
  public let message: String
  public private(set) var file: String?
  public private(set) var offset: Int?
  public private(set) var variable: Name?
  public private(set) var remedy: String?
  /// What happened to the file, where that is known.
  public private(set) var damage: DamageKind?

  public init(_ code: Code, _ message: String, remedy: String? = nil) {
    self.code = code
    self.message = message
    self.remedy = remedy
  }

  /// The same error with the place added; what is known already stays.
  public func at(file: String? = nil, offset: Int? = nil, variable: Name? = nil) -> CheckpointError {
    var copy = self
    copy.file = self.file ?? file
    copy.offset = self.offset ?? offset
    copy.variable = self.variable ?? variable
    return copy
  }

  /// The same error with what happened to the file; what is known already stays.
  public func because(_ damage: DamageKind) -> CheckpointError {
    var copy = self
    copy.damage = self.damage ?? damage
    return copy
  }

  public func advising(_ remedy: String) -> CheckpointError {
    var copy = self
    copy.remedy = self.remedy ?? remedy
    return copy
  }
}

extension CheckpointError: CustomStringConvertible {
  public var description: String {
    var line = ""
    if let file { line += "\(Name.printable(Array(file.utf8))): " }
    if let variable { line += "'\(variable)': " }
    line += message
    if let offset { line += " (at byte \(offset))" }
    if let remedy { line += "; \(remedy)" }
    return line
  }
}

/// Runs `body` and adds the place to any error that comes out of it.
public func locating<R>(
  file: String? = nil, variable: Name? = nil, _ body: () throws(CheckpointError) -> R
) throws(CheckpointError) -> R {
  do {
    return try body()
  } catch {
    throw error.at(file: file, variable: variable)
  }
}
