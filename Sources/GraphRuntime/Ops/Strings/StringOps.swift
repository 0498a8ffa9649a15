import CheckpointCore

/// Strings, and the summaries, which are strings that nobody reads here.
enum StringOps {
  static let table: [Op] = [
    Op("StringJoin", StringJoin.build),
    Op("ReduceJoin", ReduceJoin.build),
    Op("StringSplit", StringSplit.build),
    Op("StringSplitV2", StringSplit.build),
    Op("Substr", Substr.build),
    Op("AsString", AsString.build),
    Op("StringToNumber", StringToNumber.build),
    Op("StringToHashBucketFast", HashBuckets.build),
    Op("StringToHashBucketStrong", HashBuckets.build),
    Op("StringToHashBucket", HashBuckets.build),
    Op("DecodeRaw", DecodeRaw.build),
    Op("StringLength") { (node) throws(CheckpointError) in
      let isBytes = try node.choice("unit", ["BYTE", "UTF8_CHAR"], default: "BYTE") == "BYTE"
      return { (context) throws(CheckpointError) in
        context.emit(
          try context.numbersOfStrings(Int32.self) { (s) throws(CheckpointError) in
            Int32(clamping: isBytes ? s.count : s.count { $0 & 0xc0 != 0x80 })
          })
      }
    },
    cased("StringLower") {
      $0 >= 0x41 && $0 <= 0x5a ? $0 + 0x20 : $0
    } unicode: {
      $0.lowercased()
    },
    cased("StringUpper") {
      $0 >= 0x61 && $0 <= 0x7a ? $0 - 0x20 : $0
    } unicode: {
      $0.uppercased()
    },
    .plain("StringStrip") { (context) throws(CheckpointError) in
      context.emit(
        try context.mapStrings { (s) throws(CheckpointError) in
          func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0d }
          let tail = s.drop(while: isSpace)
          guard let end = tail.lastIndex(where: { !isSpace($0) }) else { return [] }
          return Array(tail[...end])
        })
    },
    Op("EncodeBase64") { (node) throws(CheckpointError) in
      let pads = try node.bool("pad", default: false)
      return { (context) throws(CheckpointError) in
        context.emit(try context.mapStrings { (s) throws(CheckpointError) in Base64.encode(s, pads: pads) })
      }
    },
    .plain("DecodeBase64") { (context) throws(CheckpointError) in
      context.emit(try context.mapStrings { (s) throws(CheckpointError) in try Base64.decode(s) })
    },
    summary("ScalarSummary"), summary("MergeSummary"), summary("HistogramSummary"), summary("ImageSummary"),
    summary("AudioSummary"), summary("AudioSummaryV2"), summary("TensorSummary"), summary("TensorSummaryV2"),
  ]

  private static func cased(
    _ name: String, _ ascii: @escaping @Sendable (UInt8) -> UInt8, unicode: @escaping @Sendable (String) -> String
  ) -> Op {
    Op(name) { (node) throws(CheckpointError) in
      let isUnicode = try node.choice("encoding", ["", "utf-8"], default: "") == "utf-8"
      return { (context) throws(CheckpointError) in
        context.emit(
          try context.mapStrings { (s) throws(CheckpointError) in
            isUnicode ? Array(unicode(String(decoding: s, as: UTF8.self)).utf8) : s.map(ascii)
          })
      }
    }
  }

  /// An op that writes a report for TensorBoard: here an empty one.
  private static func summary(_ name: String) -> Op {
    .plain(name) { (context) throws(CheckpointError) in
      context.emit(.strings(try context.strings(.scalar, [[]])))
    }
  }
}
