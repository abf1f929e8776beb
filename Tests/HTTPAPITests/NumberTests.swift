// SPDX-License-Identifier: Apache-2.0

import Codecs
import Testing

@Suite("Numbers in answers")
struct NumberTests {
    private func json(_ value: Double) -> String {
        var bytes: [UInt8] = []
        NumberText.appendJSON(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func plain(_ value: Double) -> String {
        var bytes: [UInt8] = []
        NumberText.appendPlain(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "Known answers, taken from Prometheus 2.42",
        arguments: [
            (1e21, "1e+21"), (1e-7, "1e-07"), (1.5e-7, "1.5e-07"),
            (.leastNonzeroMagnitude, "5e-324"),
            (123_456_789_012_345_683_968, "123456789012345680000"), (-0.0, "-0"), (0, "0"),
            (1e-6, "0.000001"), (0.00012345, "0.00012345"), (1.5e16, "15000000000000000"),
            (9_007_199_254_740_992, "9007199254740992"), (-2.5, "-2.5"), (0.1, "0.1"),
            (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (1.7e308, "1.7e+308"),
        ])
    func known(_ value: Double, _ text: String) {
        #expect(json(value) == text)
    }

    @Test("Scalars never have an exponent")
    func scalars() {
        #expect(plain(1e21) == "1000000000000000000000")
        #expect(plain(1e-7) == "0.0000001")
        #expect(plain(-0.0) == "-0")
        #expect(plain(3) == "3")
    }

    @Test("Every number reads back as itself")
    func roundTrip() {
        var random = SplitMix(state: 42)
        var wrong: [Double] = []
        for _ in 0..<5000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            if Double(json(value)) != value || Double(plain(value)) != value {
                wrong.append(value)
            }
        }
        #expect(wrong.isEmpty)
    }
}

/// A seeded generator (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
