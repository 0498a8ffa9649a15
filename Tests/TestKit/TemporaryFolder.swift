public import CheckpointCore
import Foundation

/// A fresh folder that goes away with the value.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    let base = FileManager.default.temporaryDirectory.appendingPathComponent("ckpt-convert-tests")
    let url = base.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A path inside the folder.
  public func callAsFunction(_ name: String) -> String { path + "/" + name }

  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let url = URL(fileURLWithPath: self(name))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return self(name)
  }

  @discardableResult
  public func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }

  public func read(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: URL(fileURLWithPath: self(name)))) }

  public func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: self(name)) }

  /// Everything in it, hidden files too, sorted.
  public var names: [String] { Candidate.names(in: path) }

  public func file(_ bytes: [UInt8], _ name: String = "file") throws -> InputFile {
    try InputFile(try write(bytes, to: name))
  }
}

/// Bytes written as hexadecimal digits, with space wherever it helps.
public func hex(_ text: String) -> [UInt8] {
  let digits = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

extension [UInt8] {
  /// `01 ff`
  public var hexadecimal: String {
    map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined(separator: " ")
  }
}

/// The error that `body` ends with, or nil.
public func failure(_ body: () throws -> Void) -> CheckpointError? {
  do {
    try body()
    return nil
  } catch let error as CheckpointError {
    return error
  } catch {
    return CheckpointError(.io, "another kind of error: \(error)")
  }
}
