import CheckpointCore

/// Images: resizing, cropping, colors, boxes.
enum ImageOps {
  static let table: [Op] = [
    Op("ResizeBilinear", ResizeBilinear.build),
    Op("ResizeNearestNeighbor") { (node) throws(CheckpointError) in try node.moving("T", ResizeNearestNeighbor.self) },
    Op("ResizeBicubic", ResizeBicubic.build),
    Op("ResizeArea", ResizeArea.build),
    Op("CropAndResize", CropAndResize.build),
    Op("NonMaxSuppression") { (node) throws(CheckpointError) in try NonMaxSuppression.build(&node, version: 1) },
    Op("NonMaxSuppressionV2") { (node) throws(CheckpointError) in try NonMaxSuppression.build(&node, version: 2) },
    Op("NonMaxSuppressionV3") { (node) throws(CheckpointError) in try NonMaxSuppression.build(&node, version: 3) },
    Op("NonMaxSuppressionV4") { (node) throws(CheckpointError) in try NonMaxSuppression.build(&node, version: 4) },
    Op("NonMaxSuppressionV5") { (node) throws(CheckpointError) in try NonMaxSuppression.build(&node, version: 5) },
    .plain("NonMaxSuppressionWithOverlaps") { (context) throws(CheckpointError) in
      try NonMaxSuppression.withOverlaps(&context)
    },
    Op("CombinedNonMaxSuppression", CombinedNonMaxSuppression.build),
    Op("RGBToHSV") { (node) throws(CheckpointError) in try node.real("T", ColorSpace.ToHSV.self, default: .float32) },
    Op("HSVToRGB") { (node) throws(CheckpointError) in try node.real("T", ColorSpace.ToRGB.self, default: .float32) },
    adjusting("AdjustHue") { (context) throws(CheckpointError) in try AdjustColor.hue(&context) },
    adjusting("AdjustSaturation") { (context) throws(CheckpointError) in try AdjustColor.saturation(&context) },
    adjusting("AdjustContrastv2") { (context) throws(CheckpointError) in try AdjustColor.contrast(&context) },
    Op("ImageProjectiveTransform") { (node) throws(CheckpointError) in
      try node.numeric("dtype", ProjectiveTransform.self)
    },
    Op("ImageProjectiveTransformV2") { (node) throws(CheckpointError) in
      try node.numeric("dtype", ProjectiveTransform.self)
    },
    Op("ImageProjectiveTransformV3") { (node) throws(CheckpointError) in
      try node.numeric("dtype", ProjectiveTransform.self)
    },
    undecoded("DecodeJpeg"), undecoded("DecodePng"), undecoded("DecodeImage"), undecoded("DecodeGif"),
    undecoded("DecodeBmp"), undecoded("DecodeAndCropJpeg"), undecoded("EncodeJpeg"), undecoded("EncodePng"),
    undecoded("ExtractJpegShape"),
  ]

  /// An op on float32 or float16 images.
  private static func adjusting(_ name: String, _ kernel: @escaping Kernel) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      switch try node.dtype("T", default: .float32) {
      case .float32: return kernel
      case .float16: return rounded(kernel, .float16)
      case let other: throw node.unsupported(other)
      }
    }
  }

  /// A compressed image: the graph loads, so that a feed can cut the op off.
  private static func undecoded(_ name: String) -> Op {
    .plain(name) { (_) throws(CheckpointError) in
      throw CheckpointError(
        .unsupported, "compressed images are not decoded or encoded here", remedy: "feed the pixels instead")
    }
  }
}
