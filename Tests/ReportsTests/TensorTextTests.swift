import CheckpointCore
import Reports
import TestKit
import Testing

@Suite struct TensorTextTests {
  private func text(_ dimensions: [Int]) throws -> String {
    var json = JSONWriter(compact: true)
    try TensorText(Tensor(.float32, dimensions, [])).write(nil, to: &json)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  /// Nothing, in any number of lists.
  @Test func aShapeWithoutElementsCostsNothing() throws {
    #expect(try text([2, 0]) == "[[],[]]")
    #expect(try text([0, 1 << 40]) == "[]")
    #expect(try text([1 << 40, 0]) == "[]")
    #expect(try text([Int](repeating: 2, count: 58) + [0]) == "[]")
  }
}
