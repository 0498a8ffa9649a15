import CheckpointCore

/// Ops that trade places between the image and the batch or the channels.
enum SpaceBlocks {
  /// SpaceToBatchND: inputs x, block shape [m], paddings [m, 2]. Each block of the padded dimensions 1...m is dealt out
  /// to as many images. Attributes T, Tblock_shape, Tpaddings.
  static let spaceToBatchND: Kernel = { (context) throws(CheckpointError) in
    let block = try context.ints(1)
    context.emit(try context.spaceToBatch(try context.tensor(0), block, try context.paddings(2, rank: block.count)))
  }

  /// SpaceToBatch: the same for images and one block size. Attributes T, Tpaddings, block_size.
  static func buildSpaceToBatch(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let size = try node.int("block_size")
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      guard x.rank == 4 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of images") }
      context.emit(try context.spaceToBatch(x, [size, size], try context.paddings(1, rank: 2)))
    }
  }

  /// BatchToSpaceND: the way back; inputs x, block shape [m], crops [m, 2].
  static let batchToSpaceND: Kernel = { (context) throws(CheckpointError) in
    let block = try context.ints(1)
    context.emit(try context.batchToSpace(try context.tensor(0), block, try context.paddings(2, rank: block.count)))
  }

  /// BatchToSpace: the same for images and one block size. Attributes T, Tidx, block_size.
  static func buildBatchToSpace(_ node: inout NodeContext) throws(CheckpointError) -> Kernel {
    let size = try node.int("block_size")
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      guard x.rank == 4 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of images") }
      context.emit(try context.batchToSpace(x, [size, size], try context.paddings(1, rank: 2)))
    }
  }

  /// SpaceToDepth, DepthToSpace: blocks of an image's positions as channels, and back. Attributes T, block_size,
  /// data_format (NHWC, NCHW).
  static func buildDepth(_ node: inout NodeContext, toDepth: Bool) throws(CheckpointError) -> Kernel {
    let size = try node.int("block_size")
    guard size > 1 else { throw CheckpointError(.corrupt, "block_size is \(size)") }
    let isLast = try node.choice("data_format", ["NHWC", "NCHW"], default: "NHWC") == "NHWC"
    return { (context) throws(CheckpointError) in
      let x = try context.tensor(0)
      guard x.rank == 4 else { throw CheckpointError(.corrupt, "the shape \(x.shape) is not one of images") }
      let d = x.dimensions
      let (n, h, w, c) = isLast ? (d[0], d[1], d[2], d[3]) : (d[0], d[2], d[3], d[1])
      let (square, overflow) = size.multipliedReportingOverflow(by: size)
      guard !overflow, toDepth ? h % size == 0 && w % size == 0 : c % square == 0 else {
        throw CheckpointError(.corrupt, "the shape \(x.shape) has no whole blocks of \(size)")
      }
      let y: DenseTensor
      let shape: Shape
      if toDepth {
        let (rows, columns) = (h / size, w / size)
        let (channels, tooMany) = c.multipliedReportingOverflow(by: square)
        guard !tooMany else { throw CheckpointError(.corrupt, "the channels do not fit 64 bits") }
        if isLast {
          shape = try Shape([n, rows, columns, channels])
          y = try context.permuted(try x.reshaped(try Shape([n, rows, size, columns, size, c])), [0, 1, 3, 2, 4, 5])
        } else {
          shape = try Shape([n, channels, rows, columns])
          y = try context.permuted(try x.reshaped(try Shape([n, c, rows, size, columns, size])), [0, 3, 5, 1, 2, 4])
        }
      } else {
        let channels = c / square
        let (rows, tooHigh) = h.multipliedReportingOverflow(by: size)
        let (columns, tooWide) = w.multipliedReportingOverflow(by: size)
        guard !tooHigh, !tooWide else { throw CheckpointError(.corrupt, "the image does not fit 64 bits") }
        if isLast {
          shape = try Shape([n, rows, columns, channels])
          y = try context.permuted(try x.reshaped(try Shape([n, h, w, size, size, channels])), [0, 1, 3, 2, 4, 5])
        } else {
          shape = try Shape([n, channels, rows, columns])
          y = try context.permuted(try x.reshaped(try Shape([n, size, size, channels, h, w])), [0, 3, 4, 1, 5, 2])
        }
      }
      context.emit(try y.reshaped(shape))
    }
  }
}

extension KernelContext {
  /// The product of block sizes, each at least 1.
  private func blockCount(_ block: [Int], _ x: DenseTensor) throws(CheckpointError) -> Int {
    guard x.rank >= 1 + block.count else {
      throw CheckpointError(.corrupt, "blocks \(block) do not fit the shape \(x.shape)")
    }
    var product = 1
    for size in block {
      let (next, overflow) = product.multipliedReportingOverflow(by: size)
      guard size >= 1, !overflow else { throw CheckpointError(.corrupt, "the block \(block) is out of range") }
      product = next
    }
    return product
  }

  fileprivate func spaceToBatch(
    _ x: DenseTensor, _ block: [Int], _ paddings: [(before: Int, after: Int)]
  ) throws(CheckpointError) -> DenseTensor {
    let count = try blockCount(block, x)
    let m = block.count
    var dimensions = x.dimensions
    for i in 0..<m {
      dimensions[i + 1] = try padded(dimensions[i + 1], paddings[i].before, paddings[i].after)
      guard dimensions[i + 1] % block[i] == 0 else {
        throw CheckpointError(.corrupt, "the padded dimension \(dimensions[i + 1]) has no whole blocks of \(block[i])")
      }
    }
    var y = x
    if dimensions != x.dimensions {
      y = try allocate(x.dtype, dimensions)
      y.zero()
      let index = [0] + paddings.map(\.before) + [Int](repeating: 0, count: x.rank - 1 - m)
      try copy(x.dimensions, from: x, Walk(x.dimensions), to: y, Walk(dimensions, at: index))
    }
    let rest = try Shape(Array(dimensions[(m + 1)...])).elementCount
    var cut = [dimensions[0]]
    for i in 0..<m { cut += [dimensions[i + 1] / block[i], block[i]] }
    cut.append(rest)
    let order = (0..<m).map { 2 * $0 + 2 } + [0] + (0..<m).map { 2 * $0 + 1 } + [2 * m + 1]
    let (batch, overflow) = dimensions[0].multipliedReportingOverflow(by: count)
    guard !overflow else { throw CheckpointError(.corrupt, "the batch does not fit 64 bits") }
    dimensions[0] = batch
    for i in 0..<m { dimensions[i + 1] /= block[i] }
    return try permuted(try y.reshaped(try Shape(cut)), order).reshaped(try Shape(dimensions))
  }

  fileprivate func batchToSpace(
    _ x: DenseTensor, _ block: [Int], _ crops: [(before: Int, after: Int)]
  ) throws(CheckpointError) -> DenseTensor {
    let count = try blockCount(block, x)
    let m = block.count
    var dimensions = x.dimensions
    guard dimensions[0] % count == 0 else {
      throw CheckpointError(.corrupt, "\(dimensions[0]) images are not whole blocks of \(count)")
    }
    let rest = try Shape(Array(dimensions[(m + 1)...])).elementCount
    let cut = block + [dimensions[0] / count] + dimensions[1..<(m + 1)] + [rest]
    var order = [m]
    for i in 0..<m { order += [m + 1 + i, i] }
    order.append(2 * m + 1)
    dimensions[0] /= count
    for i in 0..<m {
      let (size, overflow) = dimensions[i + 1].multipliedReportingOverflow(by: block[i])
      guard !overflow else { throw CheckpointError(.corrupt, "a dimension does not fit 64 bits") }
      dimensions[i + 1] = size
    }
    let y = try permuted(try x.reshaped(try Shape(cut)), order).reshaped(try Shape(dimensions))
    var cropped = dimensions
    for i in 0..<m {
      guard crops[i].before <= dimensions[i + 1], crops[i].after <= dimensions[i + 1] - crops[i].before else {
        throw CheckpointError(.corrupt, "crops of \(crops[i].before) and \(crops[i].after) exceed \(dimensions[i + 1])")
      }
      cropped[i + 1] -= crops[i].before + crops[i].after
    }
    if cropped == dimensions { return y }
    let index = [0] + crops.map(\.before) + [Int](repeating: 0, count: x.rank - 1 - m)
    let shape = try Shape(cropped)
    return try box(shape, of: y, Walk(dimensions, at: shape.elementCount == 0 ? nil : index))
  }
}
