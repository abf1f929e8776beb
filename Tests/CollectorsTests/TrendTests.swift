// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Collectors

@Suite("Trends")
struct TrendTests {
    /// xorshift64*, so that a failure can be repeated.
    private struct Noise {
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        /// Uniform in -1...1.
        mutating func next() -> Double {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Double((state &* 0x2545_f491_4f6c_dd1d) >> 11) / Double(1 << 52) - 1
        }
        /// Nearly normal, of variance 1.
        mutating func normal() -> Double { (0..<12).reduce(0) { sum, _ in sum + next() / 2 } }
    }

    /// The share of 1,000 gauges that are said to fill up.
    private func alarms(points: Int, _ gauge: (Int, inout Noise) -> Double) -> Double {
        var noise = Noise()
        var count = 0
        for _ in 0..<1000 {
            var trend = Trend()
            var last = 0.0
            for i in 0..<points {
                last = gauge(i, &noise)
                trend.add(last, at: Double(i) * 10)
            }
            if trend.timeToReach(1000, from: last) != nil { count += 1 }
        }
        return Double(count) / 1000
    }

    @Test("Noise about a level gives no alarm", arguments: [16, 20, 36, 60])
    func noise(points: Int) {
        #expect(alarms(points: points) { _, noise in 500 + 50 * noise.normal() } <= 0.005)
        #expect(alarms(points: points) { _, noise in 500 + 50 * noise.next() } <= 0.005)
    }

    @Test("A saw, a step and spikes give no alarm")
    func shapes() {
        #expect(alarms(points: 36) { i, noise in Double(i % 7) * 60 + noise.next() } == 0)
        #expect(alarms(points: 36) { i, noise in (i < 18 ? 100 : 600) + noise.next() } == 0)
        #expect(alarms(points: 36) { i, noise in (i % 9 == 8 ? 900 : 100) + noise.next() } <= 0.005)
    }

    @Test(
        "A steady growth is found, and the time to full is right within a third",
        arguments: [1.0, 5, 20])
    func growth(spread: Double) throws {
        var noise = Noise()
        var worst = 0.0
        for _ in 0..<300 {
            var trend = Trend()
            for i in 0..<36 {
                trend.add(100 + Double(i) * 10 + spread * noise.normal(), at: Double(i) * 10)
            }
            let seconds = try #require(trend.timeToReach(1000, from: 450))
            worst = max(worst, abs(seconds / 550 - 1))
        }
        #expect(worst < 1.0 / 3, "off by \(worst)")
    }
}
