import CHDF5
import CheckpointCore
import Synchronization

/// Elements kept in chunks, each through the filters of the dataset. The library finds a chunk, this decodes it: in parallel,
/// and with its own checks.
struct ChunkedStorage: TensorStorage {
  let worker: HDF5Worker
  let cache: ChunkCache
  let dataset: HDF5Dataset
  let width: Int
  let pipeline: FilterPipeline
  let byteCount: Int
  /// Bytes of a decoded chunk.
  let chunkBytes: Int
  /// Dimensions after those that a chunk covers whole were joined to the one before; the dimension of the dataset that each
  /// began as; and sizes of the chunk.
  private let sizes: [Int]
  private let origins: [Int]
  private let chunks: [Int]
  private let rank: Int
  private let fileSize: Int

  init(
    _ worker: HDF5Worker, _ cache: ChunkCache, _ dataset: HDF5Dataset, shape: Shape, chunk: [Int], width: Int,
    pipeline: FilterPipeline, fileSize: Int
  ) throws(CheckpointError) {
    (self.worker, self.cache, self.dataset, self.width, self.pipeline) = (worker, cache, dataset, width, pipeline)
    self.fileSize = fileSize
    byteCount = try shape.byteCount(width: width)
    chunkBytes = try Shape(chunk).byteCount(width: width)
    guard chunkBytes <= 1 << 30 else {
      throw CheckpointError(.unsupported, "its chunks have \(chunkBytes) bytes, more than 1 GiB")
    }
    rank = chunk.count
    var sizes: [Int] = []
    var origins: [Int] = []
    var chunks: [Int] = []
    for i in 0..<chunk.count {
      if let last = sizes.indices.last, chunk[i] == shape.dimensions[i] {
        sizes[last] *= shape.dimensions[i]
        chunks[last] *= chunk[i]
      } else {
        sizes.append(shape.dimensions[i])
        origins.append(i)
        chunks.append(chunk[i])
      }
    }
    (self.sizes, self.origins, self.chunks) = (sizes, origins, chunks)
    // Each chunk is a question. Where a file has no bytes for so many chunks, most were never stored, and asking would take longer
    // than its size justifies.
    var count = sizes.contains(0) ? 0 : 1
    for (size, chunk) in zip(sizes, chunks) where count > 0 {
      count = count.multipliedReportingOverflow(by: (size - 1) / chunk + 1).partialValue
    }
    let most = 1 << 14 + fileSize / 4
    guard count <= most else {
      throw CheckpointError(
        .unsupported,
        "claims \(count) chunks where a file of \(fileSize) bytes can hold \(most), which is not believed",
        remedy: "h5repack writes it again with larger chunks")
    }
    // The chunks that hold one row of the first dimension.
    var band = chunkBytes
    for i in 1..<max(1, sizes.count) {
      band = band.multipliedReportingOverflow(by: (sizes[i] - 1) / chunks[i] + 1).partialValue
    }
    cache.expect(band)
  }

  func read(into span: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    var element = offset / width
    let end = element + span.byteCount / width
    var done = 0
    let fill = FillStorage(dataset.fill, width: width, byteCount: chunkBytes)
    var last: (index: [Int], bytes: [UInt8])?
    while element < end {
      // Where the element is: chunk, place in the chunk, and how far the chunk goes on from there.
      var rest = element
      var index = [Int](repeating: 0, count: sizes.count)
      var place = 0
      var stride = 1
      var run = 1
      for i in sizes.indices.reversed() {
        let position = rest % sizes[i]
        rest /= sizes[i]
        index[i] = position / chunks[i]
        place += position % chunks[i] * stride
        stride *= chunks[i]
        if i == sizes.count - 1 { run = min(chunks[i] - position % chunks[i], sizes[i] - position) }
      }
      run = min(run, end - element)
      let bytes: [UInt8]
      if let last, last.index == index {
        bytes = last.bytes
      } else {
        bytes = try decoded(index)
        last = (index, bytes)
      }
      var part = span._mutatingExtracting(done..<done + run * width)
      if bytes.isEmpty {
        try fill.read(into: &part, at: place * width)
      } else {
        try MemoryStorage(bytes).read(into: &part, at: place * width)
      }
      done += run * width
      element += run
    }
  }

  private func decoded(_ index: [Int]) throws(CheckpointError) -> [UInt8] {
    var key = [dataset.address]
    for i in index { key.append(UInt64(i)) }
    return try cache.bytes(key) { () throws(CheckpointError) in
      try locating(variable: dataset.path) { () throws(CheckpointError) in try load(index) }
    }
  }

  /// The elements of a chunk; nothing where it was never stored.
  private func load(_ index: [Int]) throws(CheckpointError) -> [UInt8] {
    var offsets = [UInt64](repeating: 0, count: rank)
    for (i, origin) in origins.enumerated() {
      // A joined dimension is covered whole, so that only the first of those joined has an offset.
      var inner = 1
      for j in (origin + 1)..<max(origin + 1, i + 1 < origins.count ? origins[i + 1] : rank) {
        inner *= dataset.shape?.dimensions[j] ?? 1
      }
      offsets[origin] = UInt64(index[i] * (chunks[i] / inner))
    }
    var request: [UInt8] = []
    request.append(little: dataset.address)
    let limit = min(fileSize, pipeline.largestStored(chunkBytes))
    request.append(little: UInt64(limit))
    request.append(little: UInt32(rank))
    for offset in offsets { request.append(little: offset) }
    let stored = try worker.data(CK_HDF5_CHUNK, request, of: dataset.path, limit: limit + 4)
    return stored.isEmpty ? [] : try pipeline.decode(stored, chunkBytes: chunkBytes)
  }
}

/// Decoded chunks of one file, the ones used last, within a bound.
final class ChunkCache: Sendable {
  private struct State {
    var slots: [[UInt64]: Slot] = [:]
    var clock = 0
    var bytes = 0
    var limit = 32 << 20
  }

  private final class Slot: Sendable {
    let bytes = Mutex<[UInt8]?>(nil)
    /// Guarded by the cache's lock.
    nonisolated(unsafe) var used = 0
    nonisolated(unsafe) var size = 0
  }

  private let state = Mutex(State())

  /// Makes room for the chunks that a row of a dataset needs at once.
  func expect(_ band: Int) {
    state.withLock { $0.limit = max($0.limit, min(band, 256 << 20)) }
  }

  /// The chunk, decoded once also where several threads ask for it.
  func bytes(_ key: [UInt64], _ make: () throws(CheckpointError) -> [UInt8]) throws(CheckpointError) -> [UInt8] {
    let slot = state.withLock { state in
      state.clock += 1
      let slot = state.slots[key] ?? Slot()
      state.slots[key] = slot
      unsafe slot.used = state.clock
      return slot
    }
    let result = slot.bytes.withLock { bytes -> Result<[UInt8], CheckpointError> in
      if let bytes { return .success(bytes) }
      do throws(CheckpointError) {
        let made = try make()
        bytes = made
        return .success(made)
      } catch {
        return .failure(error)
      }
    }
    let bytes = try result.get()
    state.withLock { state in
      if unsafe slot.size == 0 {
        unsafe slot.size = max(1, bytes.count)
        state.bytes += bytes.count
      }
      while state.bytes > state.limit, state.slots.count > 2,
        let oldest = state.slots.min(by: { unsafe $0.value.used < $1.value.used })
      {
        state.bytes -= unsafe oldest.value.size
        state.slots[oldest.key] = nil
      }
    }
    return bytes
  }
}
