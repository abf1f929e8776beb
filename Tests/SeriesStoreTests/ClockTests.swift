// SPDX-License-Identifier: Apache-2.0

import Model
import SeriesStore
import TestSupport
import Testing

@Suite("A clock that jumps")
struct ClockTests {
    private let directory: TemporaryDirectory
    private let metric = MetricDescriptor("ticks", .gauge, help: "Ticks.")

    init() throws { directory = try TemporaryDirectory("clock") }

    @Test("Jumps in both directions lose nothing and corrupt nothing", arguments: [1, 2, 3])
    func jumps(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var expected: [Milliseconds: Double] = [:]
        var outcome = AppendOutcome()
        do {
            var options = SeriesStore.Options()
            options.ticksPerBucket = 40
            let store = try SeriesStore.open(directory: directory.path, options: options)
            let series = try store.series(metric, target: try store.target(["id": "x"]))
            var time: Milliseconds = 1_700_000_000_000
            for tick in 0..<1500 {
                time += 1000
                if Int.random(in: 0..<20, using: &random) == 0 {
                    time += Milliseconds.random(in: -90_000_000...90_000_000, using: &random)
                }
                var batch = Batch(timestamp: time)
                batch.append(series, Double(tick))
                let one = store.append(batch)
                outcome.accepted += one.accepted
                outcome.outOfOrder += one.outOfOrder
                outcome.duplicate += one.duplicate
                if one.accepted == 1, expected[time] == nil { expected[time] = Double(tick) }
                // The disk keeps up with the clock.
                if tick % 20 == 0 { try store.flush() }
            }
            #expect(outcome.accepted + outcome.outOfOrder + outcome.duplicate == 1500)
            #expect(outcome.accepted > 1400)
            try check(store, expected)
        }
        try check(try SeriesStore.open(directory: directory.path), expected)
        #expect(try StoreMaintenance.verify(directory: directory.path).isSound)
    }

    private func check(_ store: SeriesStore, _ expected: [Milliseconds: Double]) throws {
        let points = try store.points().values.first ?? []
        #expect(points.count == expected.count)
        #expect(points.allSatisfy { expected[$0.time] == $0.value })
        #expect(zip(points, points.dropFirst()).allSatisfy { $0.time < $1.time })
    }

    @Test("A clock that goes back at each tick is refused and counted, and memory stays bounded")
    func backwards() throws {
        let store = try SeriesStore.open(directory: directory.path)
        let series = try store.series(metric, target: try store.target(["id": "x"]))
        var outcome = AppendOutcome()
        for tick in 0..<5000 {
            var batch = Batch(timestamp: 1_700_000_000_000 - Milliseconds(tick) * 1000)
            batch.append(series, 1)
            let one = store.append(batch)
            outcome.accepted += one.accepted
            outcome.outOfOrder += one.outOfOrder
        }
        #expect(outcome.accepted + outcome.outOfOrder == 5000)
        #expect(store.statistics().pendingSections <= 4)
        try store.seal()
        #expect(try store.everyValue().count == outcome.accepted)
    }
}
