// SPDX-License-Identifier: Apache-2.0

import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Looking series up")
struct IndexTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("index") }

    /// The same in each run.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    private static let names = ["id", "image", "device", "Early"]
    private static let values = ["", "a", "b", "ab", "web-1", "web-2", "db-1"]
    private static let expressions = [
        "a|b", "web-.*", ".*1", ".*", ".+", "", "a.*|", "w.b-[0-9]", "(?i)WEB-1", "db-1|x",
    ]
    private static let metrics = ["x_total", "y", "y_more", "Z"]

    private static func matcher(_ random: inout Generator) -> Matcher {
        let isName = Int.random(in: 0..<3, using: &random) == 0
        let name = isName ? "__name__" : (names + ["absent"]).randomElement(using: &random) ?? ""
        let operation: Matcher.Operation =
            [.equal, .notEqual, .matches, .matchesNot].randomElement(using: &random) ?? .equal
        let isPattern = operation == .matches || operation == .matchesNot
        let choice =
            isPattern
            ? expressions + ["y.*", "x_total|y"] : isName ? metrics + ["none"] : values
        return Matcher(name, operation, choice.randomElement(using: &random) ?? "")
    }

    /// What a matcher means, said as simply as can be.
    private static func holds(_ matcher: Matcher, _ value: String) throws -> Bool {
        switch matcher.operation {
        case .equal: return value == matcher.value
        case .notEqual: return value != matcher.value
        case .matches: return try value.wholeMatch(of: Regex(matcher.value)) != nil
        case .matchesNot: return try value.wholeMatch(of: Regex(matcher.value)) == nil
        }
    }

    /// Series whose labels are split between target and series at random.
    private func register(
        _ store: SeriesStore, _ count: Int, _ random: inout Generator
    ) throws -> [Labels: SeriesRef] {
        var known: [Labels: SeriesRef] = [:]
        for _ in 0..<count {
            var (shared, own) = (Labels(), Labels())
            for name in Self.names {
                let value = Self.values.randomElement(using: &random) ?? ""
                if Bool.random(using: &random) { shared[name] = value } else { own[name] = value }
            }
            let name = Self.metrics.randomElement(using: &random) ?? ""
            var labels = shared.merging(own)
            labels[Labels.metricName] = name
            guard known[labels] == nil else { continue }
            known[labels] = try store.series(
                MetricDescriptor(name, .gauge, help: "A test."), sampleName: name,
                target: try store.target(shared), labels: own)
        }
        return known
    }

    @Test("Selectors find exactly the series that satisfy them, in order, sealed or in memory")
    func matchers() throws {
        var random = Generator(state: 11)
        let store = try SeriesStore.open(directory: directory.path)
        var known = try register(store, 150, &random)
        for round in 0..<3 {
            var batch = Batch(timestamp: 1000 + Milliseconds(round) * 1000)
            for ref in known.values { batch.append(ref, 1) }
            _ = store.append(batch)
            if round < 2 { try store.seal() }
            for _ in 0..<150 {
                let matchers = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    Self.matcher(&random)
                }
                let expected = try known.keys.filter { labels in
                    try matchers.allSatisfy { try Self.holds($0, labels[$0.name]) }
                }.sorted { $0.pairs.lexicographicallyPrecedes($1.pairs) }
                let found = try store.select(
                    matchers, in: TimeRange(start: .min, end: .max), hints: SelectHints())
                #expect(found.map(\.labels) == expected, "\(matchers)")
                let names = try store.series(
                    matchers, in: TimeRange(start: .min, end: .max), limit: 0)
                #expect(names == expected, "\(matchers)")
            }
            // Some that the database does not know yet.
            known.merge(try register(store, 20, &random)) { first, _ in first }
        }
    }

    @Test("A series that was imported and then sampled is one series")
    func imported() throws {
        let store = try SeriesStore.open(directory: directory.path)
        let metric = MetricDescriptor("m", .gauge, help: "A test.")
        _ = try store.backfill([
            BackfillSeries(
                descriptor: metric, sampleName: "m", labels: ["a": "1", "b": "2"],
                timestamps: [1000], values: [1])
        ])
        let series = try store.series(
            metric, sampleName: "m", target: try store.target(["a": "1"]), labels: ["b": "2"])
        for sealed in [true, false] {
            var batch = Batch(timestamp: sealed ? 2000 : 3000)
            batch.append(series, 2)
            _ = store.append(batch)
            if sealed { try store.seal() }
            let points = try store.points()
            #expect(points.count == 1)
            #expect(points[["__name__": "m", "a": "1", "b": "2"]]?.count == (sealed ? 2 : 3))
        }
    }

    @Test("A part of the time gives the samples of that part, with gaps, sealed or in memory")
    func ranges() throws {
        var random = Generator(state: 5)
        let store = try SeriesStore.open(directory: directory.path)
        let metric = MetricDescriptor("m", .gauge, help: "A test.")
        let series = try (0..<4).map {
            try store.series(metric, target: try store.target(["a": "\($0)"]))
        }
        var expected: [Labels: [Point]] = [:]
        for tick in 0..<700 {
            var batch = Batch(timestamp: Milliseconds(tick) * 1000)
            for (i, one) in series.enumerated()
            // The first is always there, the others come and go.
            where i == 0 || (tick / (7 * i * i)) % 3 != 0 {
                let value = Double(tick * (i + 1)) / 10
                batch.append(one, value)
                expected[["__name__": "m", "a": "\(i)"], default: []].append(
                    Point(time: batch.timestamp, value: value))
            }
            _ = store.append(batch)
            guard tick % 50 == 49 else { continue }
            #expect(try store.points() == expected, "tick \(tick)")
            let start = Milliseconds.random(in: 0...(700 * 1000), using: &random)
            let end = Milliseconds.random(in: start...(700 * 1000), using: &random)
            let part = expected.mapValues { $0.filter { $0.time >= start && $0.time <= end } }
            let found = try store.points(in: TimeRange(start: start, end: end))
            #expect(
                found.filter { !$0.value.isEmpty } == part.filter { !$0.value.isEmpty },
                "tick \(tick): \(start) to \(end)")
        }
        try store.seal()
        #expect(try store.points() == expected)
        for start in stride(from: Milliseconds(0), to: 700_000, by: 37_500) {
            let found = try store.points(in: TimeRange(start: start, end: start + 61_000))
            let part = expected.mapValues {
                $0.filter { $0.time >= start && $0.time <= start + 61_000 }
            }
            #expect(found.filter { !$0.value.isEmpty } == part.filter { !$0.value.isEmpty })
        }
    }

    @Test("Names are those of the series that have samples in the range")
    func names() throws {
        let store = try SeriesStore.open(directory: directory.path)
        let metric = MetricDescriptor("m", .gauge, help: "A test.")
        for (name, time) in [("old", 1_000_000), ("new", 9_000_000), ("newest", 20_000_000)] {
            let series = try store.series(metric, target: try store.target(["a": name]))
            for tick in 0..<3 {
                var batch = Batch(timestamp: Milliseconds(time + tick * 1000))
                batch.append(series, 1)
                _ = store.append(batch)
            }
            if name != "newest" { try store.seal() }
        }
        func values(_ start: Milliseconds, _ end: Milliseconds) throws -> [String] {
            try store.labelValues(of: "a", [], in: TimeRange(start: start, end: end))
        }
        #expect(try values(0, 30_000_000) == ["new", "newest", "old"])
        #expect(try values(0, 2_000_000) == ["old"])
        #expect(try values(1_000_500, 1_000_900) == ["old"])
        #expect(try values(2_000_000, 10_000_000) == ["new"])
        #expect(try values(9_001_500, 30_000_000) == ["new", "newest"])
        #expect(try values(10_000_000, 11_000_000) == [])
        #expect(try store.labelNames([], in: TimeRange(start: 0, end: 10)) == [])
    }

    @Test("Segments of the version before are read")
    func formerSegments() throws {
        let store = try SeriesStore.open(directory: directory.path)
        try store.fill(series: 1, ticks: 0..<5)
        try store.seal()
        let raw = RawDatabase(directory.appending("metrics.db"))
        // Version 2: id 1, timeline 0, one run of ticks 1 to 3, two bytes of values: constant 7.
        var bytes: [UInt8] = [2, 2, 0, 1, 1, 3, 2, 0, 14]
        bytes += Self.checksum(bytes)
        raw.run("UPDATE segment SET data = ?, first = 1, last = 1", bytes)
        #expect(try store.everyValue() == [7, 7, 7])
    }

    /// CRC-32C bit by bit, little-endian.
    private static func checksum(_ bytes: [UInt8]) -> [UInt8] {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return withUnsafeBytes(of: (~crc).littleEndian) { Array($0) }
    }
}
