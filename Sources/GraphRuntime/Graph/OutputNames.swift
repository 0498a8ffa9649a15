/// Names of the outputs of ops that have several. In a function's body an output is `node:name:index`; ops that are not
/// here have one output, or one list of outputs, and the index counts in it.
enum OutputNames {
  /// - Returns: the position among all outputs, or nil where the op has no output of the name.
  static func position(op: String, name: Substring, index: Int) -> Int? {
    guard let names = several[op] else { return index }
    guard index == 0, let position = names.firstIndex(where: { $0 == name }) else { return nil }
    return position
  }

  private static let normalization = ["y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"]
  private static let entropy = ["loss", "backprop"]
  private static let sparse = ["output_indices", "output_values", "output_shape"]
  private static let set = ["result_indices", "result_values", "result_shape"]
  private static let sampler = ["sampled_candidates", "true_expected_count", "sampled_expected_count"]

  private static let several: [String: [String]] = [
    "BlockLSTM": ["i", "cs", "f", "o", "ci", "co", "h"],
    "BlockLSTMV2": ["i", "cs", "f", "o", "ci", "co", "h"],
    "BroadcastGradientArgs": ["r0", "r1"],
    "CTCBeamSearchDecoder": ["decoded_indices", "decoded_values", "decoded_shape", "log_probability"],
    "CTCGreedyDecoder": ["decoded_indices", "decoded_values", "decoded_shape", "log_probability"],
    "CTCLoss": ["loss", "gradient"],
    "CombinedNonMaxSuppression": ["nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"],
    "DenseToDenseSetOperation": set,
    "DenseToSparseSetOperation": set,
    "FusedBatchNorm": normalization,
    "FusedBatchNormV2": normalization,
    "FusedBatchNormV3": normalization + ["reserve_space_3"],
    "GRUBlockCell": ["r", "u", "c", "h"],
    "GenerateBoundingBoxProposals": ["rois", "roi_probabilities"],
    "ListDiff": ["out", "idx"],
    "LSTMBlockCell": ["i", "cs", "f", "o", "ci", "co", "h"],
    "LogUniformCandidateSampler": sampler,
    "LookupTableExport": ["keys", "values"],
    "LookupTableExportV2": ["keys", "values"],
    "MaxPoolWithArgmax": ["output", "argmax"],
    "Merge": ["output", "value_index"],
    "NonMaxSuppressionV4": ["selected_indices", "valid_outputs"],
    "NonMaxSuppressionV5": ["selected_indices", "selected_scores", "valid_outputs"],
    "Qr": ["q", "r"],
    "RefMerge": ["output", "value_index"],
    "RefSwitch": ["output_false", "output_true"],
    "SelfAdjointEigV2": ["e", "v"],
    "SoftmaxCrossEntropyWithLogits": entropy,
    "SparseAddGrad": ["a_val_grad", "b_val_grad"],
    "SparseConcat": sparse,
    "SparseCross": sparse,
    "SparseFillEmptyRows": ["output_indices", "output_values", "empty_row_indicator", "reverse_index_map"],
    "SparseReorder": ["output_indices", "output_values"],
    "SparseReshape": ["output_indices", "output_shape"],
    "SparseSlice": sparse,
    "SparseSoftmaxCrossEntropyWithLogits": entropy,
    "SparseToSparseSetOperation": set,
    "StatelessRandomGetKeyCounter": ["key", "counter"],
    "StatelessRandomGetKeyCounterAlg": ["key", "counter", "alg"],
    "Svd": ["s", "u", "v"],
    "Switch": ["output_false", "output_true"],
    "TensorArrayConcatV2": ["value", "lengths"],
    "TensorArrayConcatV3": ["value", "lengths"],
    "TensorArrayGradV3": ["grad_handle", "flow_out"],
    "TensorArrayV3": ["handle", "flow"],
    "TensorListConcat": ["tensor", "lengths"],
    "TensorListConcatV2": ["tensor", "lengths"],
    "TensorListPopBack": ["output_handle", "tensor"],
    "TopK": ["values", "indices"],
    "TopKV2": ["values", "indices"],
    "UniformCandidateSampler": sampler,
    "Unique": ["y", "idx"],
    "UniqueV2": ["y", "idx"],
    "UniqueWithCounts": ["y", "idx", "count"],
    "UniqueWithCountsV2": ["y", "idx", "count"],
  ]
}
