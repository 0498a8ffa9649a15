#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Graphs against the `session.run` of TensorFlows, warm, in turn: a request goes to each contender in each round, and what
/// counts is the median of the rounds.
struct Graphs {
  static let rounds = 7

  let tool: String
  let cases: String
  let folder: String
  /// The script that times a TensorFlow, and the folder of the environments (`NAME/bin/python`), if there is one.
  let script: String
  let oracles: String?

  /// A graph with what it is fed and asked for.
  private struct Request {
    let title: String
    let graph: String
    var checkpoint: String?
    let feeds: [(name: String, file: String)]
    let fetches: [String]
    /// Runs of a round.
    let runs: Int
    /// The most that the time may be of that of TensorFlow 2.
    let limit: Double

    var json: String {
      let feeds = feeds.map { "\"\($0.name)\": \"\($0.file)\"" }.joined(separator: ", ")
      let fetches = fetches.map { "\"\($0)\"" }.joined(separator: ", ")
      let prefix = checkpoint.map { "\"\($0)\"" } ?? "null"
      return "{\"graph\": \"\(graph)\", \"checkpoint\": \(prefix), \"feeds\": {\(feeds)}, "
        + "\"fetches\": [\(fetches)], \"runs\": \(runs)}"
    }

    func arguments(_ tool: String, jobs: Int) -> [String] {
      [tool, "run", graph, "--jobs", "\(jobs)", "--repeat", "\(runs)", "--json"]
        + feeds.flatMap { ["--feed", "\($0.name)=\($0.file)"] } + fetches.flatMap { ["--fetch", $0] }
    }
  }

  func all() {
    let (python, missing) = environments()
    for reason in missing { say("skipped: \(reason)") }
    say(
      "graphs: medians of \(Graphs.rounds) rounds in turn, ms of processor time (of the clock); × is of processor times\n"
    )
    let requests = makeRequests()
    for threads in [1, 2] {
      var workers: [(name: String, worker: Worker)] = []
      for (name, path) in python {
        if let worker = Worker([path, script, "\(threads)"]) { workers.append((name, worker)) }
      }
      for request in requests { compare(request, threads, workers) }
    }
    start(python)
    load()
  }

  private func environments() -> (found: [(name: String, python: String)], missing: [String]) {
    guard let oracles else {
      return ([], ["TensorFlow: no folder of environments (second argument of Scripts/bench, or ORACLES)"])
    }
    var found: [(String, String)] = []
    var missing: [String] = []
    for (name, folder) in [("1.8", "tf18"), ("1.15", "tf115"), ("2.21", "tf2")] {
      let python = "\(oracles)/\(folder)/bin/python"
      if access(python, X_OK) == 0 {
        found.append((name, python))
      } else {
        missing.append("TensorFlow \(name): no \(python)")
      }
    }
    return (found, missing)
  }

  // MARK: Comparisons

  private func compare(_ request: Request, _ threads: Int, _ workers: [(name: String, worker: Worker)]) {
    var times: [String: [Times]] = [:]
    for round in 0...Graphs.rounds {
      guard let own = ours(request, threads) else { return say("\(request.title): FAILED") }
      if round > 0 { times["", default: []].append(own) }
      for (name, worker) in workers {
        guard let answer = worker.ask(request.json) else { return say("\(request.title): TensorFlow \(name) ended") }
        let numbers = answer.split(separator: " ").compactMap { Double($0) }
        guard numbers.count == 2 else {
          if round == 0 { say("\(request.title): TensorFlow \(name): \(answer)") }
          continue
        }
        if round > 0 { times[name, default: []].append(Times(clock: numbers[0], process: numbers[1])) }
      }
    }
    guard let own = times[""] else { return }
    var text = "\(request.title), \(threads == 1 ? "1 thread" : "\(threads) threads"): \(shown(own))"
    for (name, _) in workers {
      guard let theirs = times[name] else { continue }
      let ratio = median(own.map(\.process)) / median(theirs.map(\.process))
      text += "; TensorFlow \(name) \(shown(theirs)): \(fixed(ratio)) ×"
      if name == "2.21" { text += " (limit \(fixed(request.limit)))" }
    }
    say(text)
  }

  private struct Times {
    let clock: Double
    let process: Double
  }

  private func shown(_ times: [Times]) -> String {
    "\(fixed(median(times.map(\.process)), 3)) (\(fixed(median(times.map(\.clock)), 3)))"
  }

  private func ours(_ request: Request, _ threads: Int) -> Times? {
    guard let text = output(request.arguments(tool, jobs: threads)),
      let clock = Graphs.number("milliseconds", in: text),
      let process = Graphs.number("process_milliseconds", in: text)
    else { return nil }
    return Times(clock: clock, process: process)
  }

  /// The number behind a key of a JSON text.
  static func number(_ key: String, in text: String) -> Double? {
    let wanted = Array("\"\(key)\":".utf8)
    let bytes = Array(text.utf8)
    guard bytes.count > wanted.count else { return nil }
    for i in 0..<bytes.count - wanted.count where Array(bytes[i..<i + wanted.count]) == wanted {
      let rest = bytes[(i + wanted.count)...].drop { $0 == 0x20 }.prefix {
        $0 != 0x2c && $0 != 0x0a && $0 != 0x7d && $0 != 0x20
      }
      return Double(String(decoding: rest, as: UTF8.self))
    }
    return nil
  }

  /// From the start of the process to the answer, 297 images.
  private func start(_ python: [(name: String, python: String)]) {
    let model = "\(cases)/mnist-slim/checkpoints/epoch-9"
    let feeds = digits(297)
    let command =
      [tool, "run", model + ".meta", "--fetch", "accuracy_op:0"]
      + feeds.flatMap { ["--feed", "\($0.name)=\($0.file)"] }
    let request = Request(
      title: "", graph: model + ".meta", checkpoint: model, feeds: feeds, fetches: ["accuracy_op:0"], runs: 1, limit: 0)
    var own: [Cost] = []
    var theirs: [String: [Cost]] = [:]
    for round in 0...Bench.runs {
      guard let cost = run(command) else { return say("start to answer: FAILED") }
      if round > 0 { own.append(cost) }
      // A few rounds of these are enough: they take seconds.
      for (name, path) in python where round < 3 {
        if let cost = run([path, script, "once", request.json]) { theirs[name, default: []].append(cost) }
      }
    }
    func shown(_ costs: [Cost]) -> String {
      "clock \(fixed(median(costs.map(\.wall)) * 1000, 0)) ms, cpu \(fixed(median(costs.map(\.cpu)) * 1000, 0)) ms"
    }
    var text = "start to answer, mnist-slim epoch 9, 297 images: \(shown(own)) (limit 100 on the clock)"
    for (name, _) in python {
      if let costs = theirs[name] { text += "; TensorFlow \(name) \(shown(costs))" }
    }
    say(text)
  }

  /// Loading a training graph of 8 MB and cutting it down to a fetch.
  private func load() {
    let graph = "\(folder)/training.meta"
    let size = GraphFile.training(graph, blocks: 1280)
    var clocks: [Double] = []
    var processes: [Double] = []
    for _ in 0..<Bench.runs {
      let fetch = "block_1/weights/Initializer/shape:0"
      guard let text = output([tool, "run", graph, "--fetch", fetch, "--repeat", "1", "--json"]),
        let clock = Graphs.number("load_milliseconds", in: text),
        let process = Graphs.number("load_process_milliseconds", in: text)
      else { return say("loading and pruning: FAILED") }
      clocks.append(clock)
      processes.append(process)
    }
    say(
      "loading and pruning a .meta of \(fixed(Double(size) / 1e6, 1)) MB: clock \(fixed(median(clocks))) ms (limit 60), "
        + "cpu \(fixed(median(processes))) ms")
  }

  // MARK: What is run

  private func makeRequests() -> [Request] {
    let mnist = "\(cases)/mnist-slim/checkpoints/epoch-9"
    let lstm = "\(cases)/char-lstm/model/model"
    NumPyFile.write("\(folder)/step.npy", [1, 1, 52], NumPyFile.oneHot(7, 52))
    NumPyFile.write("\(folder)/state.npy", [2, 1, 128], NumPyFile.noise(256))
    NumPyFile.write("\(folder)/square.npy", [1024, 1024], NumPyFile.noise(1 << 20))
    NumPyFile.write("\(folder)/image.npy", [8, 56, 56, 64], NumPyFile.noise(8 * 56 * 56 * 64))
    GraphFile.product("\(folder)/product.pb", 1024)
    GraphFile.convolution("\(folder)/convolution.pb", channels: 64)
    return [
      Request(
        title: "mnist-slim accuracy, 1000 images", graph: mnist + ".meta", checkpoint: mnist, feeds: digits(1000),
        fetches: ["accuracy_op:0"], runs: 15, limit: 1),
      Request(
        title: "LSTM step, batch 1", graph: lstm + ".meta", checkpoint: lstm,
        feeds: [("x:0", "\(folder)/step.npy"), ("init_state:0", "\(folder)/state.npy")],
        fetches: ["probabilities:0", "rnn/while/Exit_3:0", "rnn/while/Exit_4:0"], runs: 500, limit: 0.5),
      Request(
        title: "sgemm 1024³, both fed", graph: "\(folder)/product.pb",
        feeds: [("a:0", "\(folder)/square.npy"), ("b:0", "\(folder)/square.npy")], fetches: ["c:0"], runs: 21,
        limit: 1.1),
      Request(
        title: "convolution 8×56×56×64→64, 3×3", graph: "\(folder)/convolution.pb",
        feeds: [("x:0", "\(folder)/image.npy")], fetches: ["y:0"], runs: 21, limit: 1.1),
    ]
  }

  /// Feeds of the digit network: noise, because the time does not depend on what is seen.
  private func digits(_ count: Int) -> [(name: String, file: String)] {
    NumPyFile.write("\(folder)/images-\(count).npy", [count, 28, 28, 1], NumPyFile.noise(count * 784))
    NumPyFile.write("\(folder)/labels-\(count).npy", [count], (0..<count).map { Int32($0 % 10) })
    return [("images:0", "\(folder)/images-\(count).npy"), ("labels:0", "\(folder)/labels-\(count).npy")]
  }
}

/// Feeds.
enum NumPyFile {
  static func write(_ path: String, _ shape: [Int], _ values: [Float]) { write(path, shape, "<f4", values) }
  static func write(_ path: String, _ shape: [Int], _ values: [Int32]) { write(path, shape, "<i4", values) }

  private static func write<T>(_ path: String, _ shape: [Int], _ type: String, _ values: [T]) {
    let sizes = shape.map { "\($0)," }.joined(separator: " ")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
    header += "\n"
    let bytes =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)]
      + Array(header.utf8)
    guard let file = fopen(path, "w") else { return }
    fwrite(bytes, 1, bytes.count, file)
    values.withUnsafeBytes { _ = fwrite($0.baseAddress, 1, $0.count, file) }
    fclose(file)
  }

  static func noise(_ count: Int) -> [Float] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return Float(state >> 8) / 0x1p24 - 0.5
    }
  }

  static func oneHot(_ index: Int, _ count: Int) -> [Float] { (0..<count).map { $0 == index ? 1 : 0 } }
}
