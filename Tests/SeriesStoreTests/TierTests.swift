// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Downsampled tiers")
struct TierTests {
    private let directory: TemporaryDirectory
    private let counter = MetricDescriptor("requests_total", .counter, help: "A counter.")
    private let gauge = MetricDescriptor("level", .gauge, help: "A gauge.")
    private static let hour: Milliseconds = 3_600_000
    /// When samples begin: with a window.
    private static let base: Milliseconds = 240 * hour

    init() throws { directory = try TemporaryDirectory("tiers") }

    /// Every 20 s: a counter that is reset now and then and pauses once, and a gauge.
    private func fill(_ store: SeriesStore, ticks: Range<Int>) throws {
        let target = try store.target(["name": "web"])
        let (requests, level) = (
            try store.series(counter, target: target), try store.series(gauge, target: target)
        )
        for tick in ticks {
            var batch = Batch(timestamp: Self.base + Milliseconds(tick) * 20_000)
            if !(400..<420).contains(tick) { batch.append(requests, Self.requests(tick)) }
            batch.append(level, Self.level(tick))
            _ = store.append(batch)
        }
    }

    private static func requests(_ tick: Int) -> Double {
        // Resets of all kinds: to nothing, to little less, twice within five minutes.
        let start = [0, 313, 314, 1000, 1007, 3001, 5000].last { $0 <= tick } ?? 0
        return Double((tick - start) * 7 + start % 5 * 1000)
    }

    private static func level(_ tick: Int) -> Double { Double(tick &* 7919 % 10_007) / 8 }

    private func open(_ change: (inout SeriesStore.Options) -> Void = { _ in }) throws
        -> SeriesStore
    {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 180
        change(&options)
        return try SeriesStore.open(directory: directory.path, options: options)
    }

    /// The increase over points in order, as `increase` counts it: a smaller value is a reset.
    private func increase(_ points: some Sequence<Point>) -> Double {
        var (total, previous) = (0.0, Double?.none)
        for point in points {
            if let previous {
                total += point.value < previous ? point.value : point.value - previous
            }
            previous = point.value
        }
        return total
    }

    private func points(
        _ store: SeriesStore, _ name: String, _ hints: SelectHints, to end: Milliseconds = .max
    ) throws -> [Point] {
        try store.points(
            [Matcher("__name__", .equal, name)], in: TimeRange(start: 0, end: end), hints: hints
        ).values.first ?? []
    }

    private func resolution(_ store: SeriesStore, _ hints: SelectHints) throws -> Milliseconds {
        try store.select(
            [Matcher("__name__", .equal, "level")], in: TimeRange(start: 0, end: .max), hints: hints
        ).first?.resolution ?? -1
    }

    @Test("Step and window choose the tier; a counter's increase is exact across resets")
    func counters() throws {
        let store = try open()
        try fill(store, ticks: 1..<6000)
        try store.seal()
        let raw = try points(store, "requests_total", SelectHints())
        #expect(raw.count == 5999 - 20)
        for (hints, expected) in [
            (SelectHints(step: 60_000), 0), (SelectHints(step: 600_000), 300_000),
            (SelectHints(step: 2 * Self.hour), Self.hour),
            (SelectHints(step: Self.hour, window: Self.hour, function: "rate"), 300_000),
            (SelectHints(step: Self.hour, window: Self.hour, function: "quantile_over_time"), 0),
            (SelectHints(step: Self.hour, window: 300_000, function: "rate"), 0),
            (SelectHints(window: 24 * Self.hour, function: "increase"), 300_000),
        ] as [(SelectHints, Milliseconds)] {
            #expect(try resolution(store, hints) == expected, "\(hints)")
            let chosen = try points(store, "requests_total", hints)
            #expect(Set(chosen).isSubset(of: raw), "only samples that were taken")
            #expect(increase(chosen) == increase(raw))
            // Of any two points the increase is that of all samples between them.
            for (one, other) in [(3, 40), (10, 11), (0, chosen.count - 1)]
            where other < chosen.count {
                let between = raw.filter {
                    $0.time >= chosen[one].time && $0.time <= chosen[other].time
                }
                #expect(increase(chosen[one...other]) == increase(between))
            }
        }
        #expect(try points(store, "requests_total", SelectHints(step: 600_000)).count < 1300)
    }

    @Test(
        "In a window of whole parts, as dashboards have them, a counter's increase is all but whole"
    )
    func aligned() throws {
        let store = try open()
        try fill(store, ticks: 1..<6000)
        try store.seal()
        let raw = try points(store, "requests_total", SelectHints())
        let hints = SelectHints(step: 2 * Self.hour, window: 4 * Self.hour, function: "increase")
        let chosen = try points(store, "requests_total", hints)
        for end in stride(
            from: Self.base + 6 * Self.hour, to: Self.base + 32 * Self.hour, by: 7_200_000)
        {
            let window = (end - 4 * Self.hour + 1)...end
            let expected = increase(raw.filter { window.contains($0.time) })
            #expect(increase(chosen.filter { window.contains($0.time) }) == expected)
        }
    }

    @Test("Of a gauge each part's last, smallest, largest, sum and mean are exact")
    func gauges() throws {
        let store = try open()
        try fill(store, ticks: 1..<6000)
        try store.seal()
        // What was downsampled: whole windows of eight hours.
        let end = Self.base + 32 * Self.hour
        let raw = try points(store, "level", SelectHints(), to: end)
        let parts = Dictionary(grouping: raw) { ($0.time - 1) / 300_000 }.sorted { $0.key < $1.key }
            .map(\.value)
        for (function, expected) in [
            ("last_over_time", { $0.last ?? 0 }), ("min_over_time", { $0.min() ?? 0 }),
            ("max_over_time", { $0.max() ?? 0 }), ("sum_over_time", { $0.reduce(0, +) }),
            ("avg_over_time", { $0.reduce(0, +) / Double($0.count) }),
        ] as [(String, ([Double]) -> Double)] {
            let hints = SelectHints(step: Self.hour, window: Self.hour, function: function)
            let chosen = try points(store, "level", hints, to: end)
            #expect(chosen.map(\.value) == parts.map { expected($0.map(\.value)) })
            #expect(chosen.map(\.time) == parts.map { $0.last?.time ?? 0 })
        }
    }

    @Test("When raw samples are gone the tiers go on, each as long as it is to be kept")
    func retention() throws {
        let store = try open {
            $0.retention = 10 * Self.hour
            $0.retention5m = 24 * Self.hour
        }
        // What comes and goes within an hour is not in the tiers, and its name goes with it.
        let short = try store.series(gauge, target: try store.target(["name": "short"]))
        var batch = Batch(timestamp: Self.base - 20_000)
        batch.append(short, 1)
        _ = store.append(batch)
        try fill(store, ticks: 1..<8000)
        try store.flush()
        try fill(store, ticks: 8000..<9000)
        try store.seal()
        let usage = try StoreMaintenance.usage(directory: directory.path)
        #expect(usage.tiers.map(\.name) == ["raw", "5m", "1h"])
        #expect((usage.tiers.first?.oldest ?? 0) >= Self.base + 38 * Self.hour)
        #expect(usage.tiers.dropFirst().first?.oldest == Self.base + 24 * Self.hour + 1)
        #expect(usage.tiers.last?.oldest == Self.base - 8 * Self.hour + 1)
        #expect(usage.targets == 1)
        let left = try points(store, "level", SelectHints(step: 1000))
        #expect(left.first?.time == Self.base + Self.hour)
        #expect(left.last?.time == Self.base + 8999 * 20_000)
        #expect(zip(left, left.dropFirst()).allSatisfy { $0.time < $1.time })
        #expect(try StoreMaintenance.verify(directory: directory.path).isSound)
        // Through a restart, too.
        let before = try points(store, "requests_total", SelectHints(step: 1000))
        #expect(increase(before) > 0)
    }

    @Test("Samples imported into a window that was built are in its tier as well")
    func backfill() throws {
        let store = try open()
        try fill(store, ticks: 1..<4400)
        try store.seal()
        let hints = SelectHints(step: 2 * Self.hour)
        #expect(try points(store, "old", hints).isEmpty)
        let times = (0..<1440).map { Self.base + Milliseconds($0) * 20_000 + 5000 }
        _ = try store.backfill([
            BackfillSeries(
                descriptor: MetricDescriptor("old", .gauge, help: "Old."), sampleName: "old",
                labels: ["name": "web"], timestamps: times, values: times.map(Double.init))
        ])
        try store.flush()
        let found = try points(store, "old", hints)
        #expect(found.count == 8)
        #expect(found.first?.value == Double(Self.base + Self.hour - 15_000))
        #expect(try points(store, "level", hints).count > 8)
    }

    @Test("Without tiers everything is as it was taken")
    func none() throws {
        let store = try open {
            $0.retention5m = 0
            $0.retention1h = 0
        }
        try fill(store, ticks: 1..<4000)
        try store.seal()
        #expect(try resolution(store, SelectHints(step: 2 * Self.hour)) == 0)
        #expect(try StoreMaintenance.usage(directory: directory.path).tiers.map(\.name) == ["raw"])
    }
}
