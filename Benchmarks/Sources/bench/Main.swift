#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Measures conversions as whole processes, in turn with `cp` of the same bytes, and graphs in turn with TensorFlow; prints
/// medians and ratios.
@main
struct Bench {
  static let runs = 9

  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count >= 4, ["all", "files", "hdf5", "graphs"].contains(arguments[3]) else {
      print("usage: bench CKPT_CONVERT CASES all|files|hdf5|graphs [ORACLES [FOLDER]]")
      exit(64)
    }
    let oracles = arguments.count > 4 ? arguments[4] : getenv("ORACLES").map { String(cString: $0) } ?? ""
    let folder =
      arguments.count > 5
      ? arguments[5] : "\(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")/ckpt-convert-bench.\(getpid())"
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      print("bench: \(folder) cannot be made")
      exit(73)
    }
    let bench = Bench(tool: arguments[1], cases: arguments[2], folder: folder)
    if arguments[3] == "hdf5" { bench.hdf5(oracles) }
    if ["all", "files"].contains(arguments[3]) {
      bench.all()
      bench.hdf5(oracles)
    }
    if ["all", "graphs"].contains(arguments[3]) {
      Graphs(
        tool: arguments[1], cases: arguments[2], folder: folder, script: "Benchmarks/graph/tf_times.py",
        oracles: oracles.isEmpty ? nil : oracles
      ).all()
    }
    bench.removeFolder()
  }

  let tool: String
  let cases: String
  let folder: String

  func all() {
    print(
      "median of \(Bench.runs) runs, whole processes, --verify none; ratios are medians of the ratios of pairs run in turn\n"
    )
    large()
    many()
    small()
  }

  /// 1 GiB in 64 tensors, there and back.
  private func large() {
    print("making 1 GiB in 64 tensors …")
    let flat = makeFlat("large", tensors: 64, elements: 4 << 20)
    let bundle = "\(folder)/bundle"
    guard run([tool, flat, "--to", "tf-bundle", "-o", bundle, "--verify", "none"]) != nil else {
      return failed("making a bundle")
    }
    compare(
      "bundle -> npy-flat, 1 GiB", [tool, bundle, "--to", "npy-flat", "-o", "\(folder)/out", "--verify", "none"],
      ["cp", "\(bundle).data-00000-of-00001", "\(folder)/copy"], limit: 1.5)
    compare(
      "npy-flat -> bundle, 1 GiB", [tool, flat, "--to", "tf-bundle", "-o", "\(folder)/out", "--verify", "none"],
      ["cp", "\(folder)/large.npy", "\(folder)/copy"], limit: 1.5)
    for format in ["npz", "safetensors"] {
      let made = "\(folder)/made.\(format)"
      let there = [tool, bundle, "--to", format, "--verify", "none", "-o"]
      compare(
        "bundle -> \(format), 1 GiB", there + ["\(folder)/out"],
        ["cp", "\(bundle).data-00000-of-00001", "\(folder)/copy"], limit: 1.6)
      guard run(there + [made]) != nil else { return failed("making \(made)") }
      compare(
        "\(format) -> bundle, 1 GiB", [tool, made, "--to", "tf-bundle", "-o", "\(folder)/out", "--verify", "none"],
        ["cp", made, "\(folder)/copy"], limit: 1.6)
      unlink(made)
    }
    for name in ["bundle.index", "bundle.data-00000-of-00001"] { unlink("\(folder)/\(name)") }
    let first = "\(folder)/first"
    guard run([tool, flat, "--to", "tf-v1", "-o", first, "--verify", "none"]) != nil else {
      return failed("making a V1 checkpoint")
    }
    compare(
      "V1 -> npy-flat, 1 GiB", [tool, first, "--to", "npy-flat", "-o", "\(folder)/out", "--verify", "none"],
      ["cp", first, "\(folder)/copy"], limit: 1.6)
    compare(
      "npy-flat -> V1, 1 GiB", [tool, flat, "--to", "tf-v1", "-o", "\(folder)/out", "--verify", "none"],
      ["cp", "\(folder)/large.npy", "\(folder)/copy"], limit: 1.6)
    for name in ["large.npy", "large.index.json", "first"] {
      unlink("\(folder)/\(name)")
    }
  }

  /// 20,000 tensors of 1 KiB.
  private func many() {
    let flat = makeFlat("many", tensors: 20_000, elements: 256)
    let bundle = "\(folder)/many-bundle"
    guard run([tool, flat, "--to", "tf-bundle", "-o", bundle, "--verify", "none"]) != nil else {
      return failed("making a bundle")
    }
    alone(
      "bundle -> npy-flat, 20,000 tensors",
      [tool, bundle, "--to", "npy-flat", "-o", "\(folder)/out", "--verify", "none"], limit: 0.3)
    alone(
      "npy-flat -> bundle, 20,000 tensors",
      [tool, flat, "--to", "tf-bundle", "-o", "\(folder)/out", "--verify", "none"], limit: 0.3)
    for format in ["npz", "safetensors"] {
      alone(
        "bundle -> \(format), 20,000 tensors",
        [tool, bundle, "--to", format, "-o", "\(folder)/out", "--verify", "none"], limit: 0.5)
    }
  }

  /// The same GiB to HDF5 and back, and what h5py and numpy do in the place of ours.
  private func hdf5(_ oracles: String) {
    let flat = makeFlat("large", tensors: 64, elements: 4 << 20)
    let (bundle, made) = ("\(folder)/bundle", "\(folder)/made.h5")
    guard run([tool, flat, "--to", "tf-bundle", "-o", bundle, "--verify", "none"]) != nil else {
      return failed("making a bundle")
    }
    for name in ["large.npy", "large.index.json"] { unlink("\(folder)/\(name)") }
    let shard = "\(bundle).data-00000-of-00001"
    compare(
      "bundle -> hdf5, 1 GiB", [tool, bundle, "--to", "hdf5", "-o", "\(folder)/out", "--verify", "none"],
      ["cp", shard, "\(folder)/copy"], limit: 1.6)
    guard run([tool, bundle, "--to", "hdf5", "-o", made, "--verify", "none"]) != nil else {
      return failed("making \(made)")
    }
    compare(
      "hdf5 -> bundle, 1 GiB", [tool, made, "--to", "tf-bundle", "-o", "\(folder)/out", "--verify", "none"],
      ["cp", made, "\(folder)/copy"], limit: 1.6)
    let python = ["\(oracles)/tf2/bin/python", "Benchmarks/hdf5/h5py_times.py"]
    guard !oracles.isEmpty, access(python[0], X_OK) == 0 else {
      say("hdf5 against h5py: skipped, \(python[0]) is not there")
      return removeNames(["bundle.index", "bundle.data-00000-of-00001", "made.h5"])
    }
    compare(
      "hdf5 -> npy-flat, 1 GiB, against h5py and numpy",
      [tool, made, "--to", "npy-flat", "-o", "\(folder)/out", "--verify", "none"],
      python + ["flat", made, "\(folder)/out-h5py.npy"], limit: 1, turns: 3)
    removeNames(["bundle.index", "bundle.data-00000-of-00001", "made.h5"])
    let small = makeFlat("small", tensors: 16, elements: 1 << 20, areWeights: true)
    let plain = "\(folder)/plain.h5"
    guard run([tool, small, "--to", "hdf5", "-o", plain, "--verify", "none"]) != nil else {
      return failed("making \(plain)")
    }
    compare(
      "hdf5 -> hdf5, gzip 4 with shuffle, 64 MiB, against h5py",
      [tool, plain, "--to", "hdf5", "--compress", "gzip:4", "-o", "\(folder)/out", "--verify", "none"],
      python + ["gzip", plain, "\(folder)/out-h5py.h5"], limit: 0.56, turns: 3, ofClock: true)
    removeNames(["small.npy", "small.index.json", "plain.h5"])
  }

  private func removeNames(_ names: [String]) { for name in names { unlink("\(folder)/\(name)") } }

  private func small() {
    alone(
      "mnist-slim epoch 9 -> npy-flat, verified",
      [tool, "\(cases)/mnist-slim/checkpoints/epoch-9", "--to", "npy-flat", "-o", "\(folder)/out"], limit: 0.02)
  }

  private func compare(
    _ title: String, _ command: [String], _ other: [String], limit: Double, turns: Int = Bench.runs,
    ofClock: Bool = false
  ) {
    var costs: [Cost] = []
    var ratios: [Double] = []
    var walls: [Double] = []
    var others: [Double] = []
    for turn in 0...turns {
      guard let cost = run(command), let reference = run(other) else { return failed(title) }
      clean()
      guard turn > 0 else { continue }
      costs.append(cost)
      others.append(reference.cpu)
      ratios.append(cost.cpu / reference.cpu)
      walls.append(cost.wall / reference.wall)
    }
    let cpu = median(costs.map(\.cpu))
    let ratio = cpu / median(others)
    line(
      title,
      "cpu \(fixed(cpu)) s, wall \(fixed(median(costs.map(\.wall)))) s, \(other[0] == "cp" ? "cp" : "the other") \(fixed(median(others))) s cpu: \(fixed(ratio)) x (pairs \(fixed(median(ratios))) x\(ofClock ? "" : ", limit \(limit)")), clock \(fixed(median(walls))) x\(ofClock ? " (limit \(limit))" : ""), peak \(fixed(costs.map(\.peak).max() ?? 0)) MiB (limit 64)"
    )
  }

  private func alone(_ title: String, _ command: [String], limit: Double) {
    var costs: [Cost] = []
    for turn in 0...Bench.runs {
      guard let cost = run(command) else { return failed(title) }
      clean()
      if turn > 0 { costs.append(cost) }
    }
    line(
      title,
      "wall \(fixed(median(costs.map(\.wall)) * 1000)) ms (limit \(fixed(limit * 1000))), cpu \(fixed(median(costs.map(\.cpu)) * 1000)) ms, peak \(fixed(costs.map(\.peak).max() ?? 0)) MiB"
    )
  }

  private func line(_ title: String, _ text: String) { say("\(title): \(text)") }
  private func failed(_ title: String) { say("\(title): FAILED") }

  /// A vector of random bits and its manifest.
  /// - Parameter areWeights: numbers between -0.1 and 0.1 instead, which compress as weights do.
  private func makeFlat(_ name: String, tensors: Int, elements: Int, areWeights: Bool = false) -> String {
    let count = tensors * elements
    var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(count),), }"
    while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
    header += "\n"
    let path = "\(folder)/\(name).npy"
    guard let file = fopen(path, "w") else { return path }
    let length = header.utf8.count
    var bytes: [UInt8] =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(header.utf8)
    fwrite(bytes, 1, bytes.count, file)
    var state: UInt64 = 88_172_645_463_325_252
    bytes = [UInt8](repeating: 0, count: elements * 4)
    for _ in 0..<tensors {
      bytes.withUnsafeMutableBytes { buffer in
        for i in 0..<buffer.count / 8 {
          state ^= state << 13
          state ^= state >> 7
          state ^= state << 17
          buffer.storeBytes(of: state, toByteOffset: 8 * i, as: UInt64.self)
          guard areWeights else { continue }
          for (part, place) in [(state >> 32, 8 * i), (state & 0xffff_ffff, 8 * i + 4)] {
            let weight = Float(Int32(truncatingIfNeeded: part)) * 0.1 / 2_147_483_648
            buffer.storeBytes(of: weight, toByteOffset: place, as: Float.self)
          }
        }
      }
      fwrite(bytes, 1, bytes.count, file)
    }
    fclose(file)
    let manifest = "\(folder)/\(name).index.json"
    guard let text = fopen(manifest, "w") else { return manifest }
    fputs("{\"file\": \"\(name).npy\", \"elements\": \(count), \"tensors\": [", text)
    for i in 0..<tensors {
      fputs(
        "\(i > 0 ? ", " : "")\n{\"name\": \"scope\(i / 100)/layer\(i)/w\", \"shape\": [\(elements)], \"dtype\": \"float32\", \"offset\": \(i * elements)}",
        text)
    }
    fputs("]}\n", text)
    fclose(text)
    return manifest
  }

  private func clean() {
    for name in names() where name.hasPrefix("out") || name == "copy" { unlink("\(folder)/\(name)") }
  }

  private func names() -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names.filter { $0 != "." && $0 != ".." }
  }

  private func removeFolder() {
    for name in names() { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
}
