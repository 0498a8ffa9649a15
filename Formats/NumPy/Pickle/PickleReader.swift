package import CheckpointCore

/// Reads pickles, and object arrays in `.npy` files, that hold lists, tuples or dictionaries of numpy arrays. Nothing in them is run.
/// Format: Pickle/FORMAT.md.
package struct PickleReader: CheckpointReader {
  package init() {}

  package func open(_ path: String, options: ReadOptions) throws(CheckpointError) -> VariableStore {
    let file = try InputFile(path)
    do throws(CheckpointError) {
      var machine = PickleMachine(file, from: NpyHeader.objectOffset(file) ?? 0)
      let store = VariableStore(source: .init(format: "pickle", path: path, files: [file]))
      var tree = try PickledTree(try machine.run(), into: store).store
      tree.inferRoles()
      return tree
    } catch {
      throw error.at(file: path)
    }
  }

  package static func recognise(_ candidate: Candidate) -> String? {
    switch candidate.kind {
    case .folder: return nil
    case .missing:
      for suffix in [".pkl", ".pickle", ".npy"] {
        if let file = try? Candidate(candidate.path + suffix), file.kind == .file, let found = recognise(file) {
          return found
        }
      }
      return nil
    case .file:
      guard let file = try? InputFile(candidate.path) else { return nil }
      if candidate.head.starts(with: NpyHeader.magic) { return NpyHeader.objectOffset(file) == nil ? nil : file.path }
      guard mayBePickle(candidate) else { return nil }
      var machine = PickleMachine(file)
      do throws(CheckpointError) {
        // A pickle of one plain array is that array.
        if case .array(let array) = try machine.run().root, case .bytes? = array.made?.content { return nil }
        return file.path
      } catch {
        // What asks for a forbidden name is a pickle all the same, and is refused by that name; other files may begin alike.
        let isNamed = candidate.head.first == 0x80 || [".pkl", ".pickle"].contains(where: file.path.hasSuffix)
        return isNamed && error.code == .unsupported ? file.path : nil
      }
    }
  }

  /// Protocols from 2 on begin with their number; older ones with what the root is, and all end with a full stop.
  private static func mayBePickle(_ candidate: Candidate) -> Bool {
    if PickledArray.recognises(candidate.head) { return true }
    guard let first = candidate.head.first, candidate.tail.last == UInt8(ascii: ".") else { return false }
    return "(]}c".utf8.contains(first)
  }
}
