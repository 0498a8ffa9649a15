public import CheckpointCore

/// A pattern that chooses variables: `role:NAME`, or a glob over the whole name in which `*` stands for any bytes (`/` too),
/// `?` for one character, `[a-z]` for one of a set.
public struct VariablePattern: Sendable {
  public let text: String
  private let role: Role?
  private let glob: [Piece]

  private enum Piece: Sendable {
    case literal(UInt8)
    case any
    case one
    case set([ClosedRange<UInt8>], negated: Bool)
  }

  /// - Throws: `usage` for a role that does not exist or a set that is not closed.
  public init(_ text: String) throws(CheckpointError) {
    self.text = text
    if text.hasPrefix("role:") {
      let name = String(text.dropFirst(5))
      guard let role = Role(rawValue: name) else {
        let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
        throw CheckpointError(.usage, "there is no role '\(name)'", remedy: "the roles are: \(known)")
      }
      self.role = role
      glob = []
      return
    }
    role = nil
    var pieces: [Piece] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "*"): pieces.append(.any)
      case UInt8(ascii: "?"): pieces.append(.one)
      case UInt8(ascii: "["): pieces.append(try VariablePattern.set(&rest, in: text))
      case UInt8(ascii: "\\"): pieces.append(.literal(rest.popFirst() ?? byte))
      default: pieces.append(.literal(byte))
      }
    }
    glob = pieces
  }

  private static func set(_ rest: inout ArraySlice<UInt8>, in text: String) throws(CheckpointError) -> Piece {
    var ranges: [ClosedRange<UInt8>] = []
    var negated = false
    if rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^") {
      negated = true
      rest.removeFirst()
    }
    var isFirst = true
    while let low = rest.popFirst() {
      if low == UInt8(ascii: "]"), !isFirst { return .set(ranges, negated: negated) }
      isFirst = false
      if rest.first == UInt8(ascii: "-"), let high = rest.dropFirst().first, high != UInt8(ascii: "]"), high >= low {
        rest.removeFirst(2)
        ranges.append(low...high)
      } else {
        ranges.append(low...low)
      }
    }
    throw CheckpointError(
      .usage, "the pattern '\(text)' has a '[' without its ']'", remedy: "write \\[ for the character itself")
  }

  public func matches(_ variable: Variable) -> Bool {
    if let role { return variable.role == role }
    return matches(variable.name.bytes)
  }

  /// Whether a name matches; a role has none to match.
  public func matches(_ name: Name) -> Bool { role == nil && matches(name.bytes) }

  /// Matches greedily with one point to return to, so that the time is at most pattern × name.
  private func matches(_ bytes: [UInt8]) -> Bool {
    var piece = 0
    var byte = 0
    var retry: (piece: Int, byte: Int)?
    while byte < bytes.count {
      if piece < glob.count {
        switch glob[piece] {
        case .any:
          retry = (piece + 1, byte)
          piece += 1
          continue
        case .literal(let wanted) where wanted == bytes[byte]:
          (piece, byte) = (piece + 1, byte + 1)
          continue
        case .one:
          byte += 1
          // The rest of a UTF-8 character.
          while byte < bytes.count, bytes[byte] & 0xc0 == 0x80 { byte += 1 }
          piece += 1
          continue
        case .set(let ranges, let negated) where ranges.contains(where: { $0.contains(bytes[byte]) }) != negated:
          (piece, byte) = (piece + 1, byte + 1)
          continue
        default: break
        }
      }
      guard let point = retry else { return false }
      retry = (point.piece, point.byte + 1)
      (piece, byte) = (point.piece, point.byte + 1)
    }
    while piece < glob.count, case .any = glob[piece] { piece += 1 }
    return piece == glob.count
  }
}

/// Which variables are converted: all, or those that a pattern names, without those that an exception names.
public struct Selection: Sendable {
  public var only: [VariablePattern]
  public var except: [VariablePattern]

  public init(only: [VariablePattern] = [], except: [VariablePattern] = []) {
    self.only = only
    self.except = except
  }

  func includes(_ variable: Variable) -> Bool {
    (only.isEmpty || only.contains { $0.matches(variable) }) && !except.contains { $0.matches(variable) }
  }

  /// For what has a name and is no variable.
  func includes(_ name: Name) -> Bool {
    (only.isEmpty || only.contains { $0.matches(name) }) && !except.contains { $0.matches(name) }
  }

  /// - Throws: `notFound` for a pattern that matches nothing, with the names that are nearest to it.
  func requireMatches(in store: VariableStore) throws(CheckpointError) {
    for pattern in only + except
    where !store.variables.contains(where: pattern.matches)
      && !store.source.unreadable.contains(where: { pattern.matches($0.variable) })
    {
      let near = NearestNames.to(pattern.text, in: store.variables.map(\.name))
      throw CheckpointError(
        .notFound, "no variable matches '\(pattern.text)'",
        remedy: near.isEmpty ? nil : "near are: \(near.map(\.description).joined(separator: ", "))")
    }
  }
}
