// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Newest sample")
struct NewestTests {
    /// What a cursor yields last: the newest sample, or the marker that the series had ended.
    private func last(_ series: [SelectedSeries]) throws -> (time: Milliseconds, bits: UInt64)? {
        var found: (Milliseconds, UInt64)?
        var buffer = SampleBuffer()
        for one in series {
            while try one.cursor.next(into: &buffer) {
                guard let time = buffer.timestamps.last, let value = buffer.values.last else {
                    continue
                }
                found = (time, value.bitPattern)
            }
        }
        return found
    }

    @Test("What an instant query reads ends as what a range query reads", arguments: [1, 2, 3])
    func sameEnd(seed: UInt64) throws {
        let directory = try TemporaryDirectory("newest")
        let store = try SeriesStore.open(directory: directory.appending("series"))
        var random = SeededRandom(seed: seed)
        let metric = MetricDescriptor("test", .gauge, help: "A test.")
        let steady = try store.series(metric, target: try store.target(["name": "steady"]))
        let fickle = try store.series(metric, target: try store.target(["name": "fickle"]))
        var isThere = true
        let ticks = 700 + Int.random(in: 0..<100, using: &random)
        for tick in 0..<ticks {
            var batch = Batch(timestamp: 1_000_000 + Int64(tick) * 1000)
            batch.append(steady, Double.random(in: 0..<1, using: &random))
            if Int.random(in: 0..<12, using: &random) == 0 { isThere.toggle() }
            if isThere { batch.append(fickle, Double(tick)) }
            _ = store.append(batch)
            if tick == 650 { try store.seal() }
        }
        for name in ["steady", "fickle"] {
            let matchers = [Matcher("name", .equal, name)]
            for end in stride(
                from: Int64(995_000), to: 1_000_000 + Int64(ticks + 5) * 1000, by: 500)
            {
                let range = TimeRange(start: end - 5000, end: end)
                let instant = try last(
                    try store.select(matchers, in: range, hints: SelectHints(looksBack: true)))
                let all = try last(
                    try store.select(
                        matchers, in: range, hints: SelectHints(step: 1, looksBack: true)))
                #expect(instant?.time == all?.time, "\(name) at \(end)")
                #expect(instant?.bits == all?.bits, "\(name) at \(end)")
            }
        }
    }
}
