public import CheckpointCore

/// The row of safetensors.
public enum SafetensorsFormats {
  public static let safetensors = CheckpointFormat(
    name: "safetensors", summary: "Hugging Face safetensors: NAME.safetensors", suffixes: [".safetensors"],
    cannotHold: "complex128, quantised and 4-bit integers, strings, variants, names that are not text",
    recognise: SafetensorsReader.recognise, reader: SafetensorsReader(), writer: SafetensorsWriter())
}
