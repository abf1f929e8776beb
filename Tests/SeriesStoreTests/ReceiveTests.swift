// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

/// Samples that other hosts send: there when the call returns, whatever happens after it.
@Suite("Receiving samples")
struct ReceiveTests {
    let directory: TemporaryDirectory
    private static let now: Milliseconds = 1_700_000_000_000
    private static let metric = MetricDescriptor("sent_total", .counter, help: "A test.")

    init() throws { directory = try TemporaryDirectory("receive") }

    private var path: String { directory.appending("series") }

    private func open(maxBytes: Int64 = 1 << 30, maxSeries: Int = 1000) throws -> SeriesStore {
        var options = SeriesStore.Options()
        options.maxBytes = maxBytes
        options.maxSeries = maxSeries
        return try SeriesStore.open(directory: path, options: options)
    }

    private func series(_ host: String, _ samples: [(Int64, Double)]) -> BackfillSeries {
        BackfillSeries(
            descriptor: Self.metric, sampleName: "sent_total", labels: ["host": host],
            timestamps: samples.map { Self.now + $0.0 * 1000 }, values: samples.map(\.1))
    }

    private func points(_ store: SeriesStore) throws -> [String: [Point]] {
        Dictionary(
            uniqueKeysWithValues: try store.points().map { ($0.key["host"], $0.value) })
    }

    @Test("Samples are there in memory, after a restart, in the database, and after all of them")
    func stays() throws {
        let expected = [
            "a": (0..<50).map { Point(time: Self.now + $0 * 1000, value: Double($0) / 4) },
            "b": [Point(time: Self.now + 1000, value: -1), Point(time: Self.now + 9000, value: 2)],
        ]
        do {
            let store = try open()
            let outcome = try store.receive(
                [
                    series("a", (0..<30).map { ($0, Double($0) / 4) }),
                    series("b", [(1, -1)]),
                ], now: Self.now + 60_000)
            #expect(outcome.accepted == 31)
            _ = try store.receive(
                [series("a", (30..<50).map { ($0, Double($0) / 4) }), series("b", [(9, 2)])],
                now: Self.now + 60_000)
            #expect(try points(store) == expected)
            #expect(
                try store.labelValues(
                    of: "host", [], in: TimeRange(start: 0, end: .max)) == ["a", "b"])
            #expect(
                try store.metadata().contains { $0.name == "sent_total" && $0.type == .counter })
        }
        do {
            let store = try open()
            #expect(try points(store) == expected)
            try store.sealReceived()
            #expect(try points(store) == expected)
            #expect(!FileManager.default.fileExists(atPath: path + "/received-1"))
            // What comes after goes on in another file.
            _ = try store.receive([series("b", [(10, 3)])], now: Self.now + 60_000)
        }
        let store = try open()
        #expect(try points(store)["b"]?.map(\.value) == [-1, 2, 3])
        #expect(try points(store)["a"] == expected["a"])
    }

    @Test("What comes twice, late, in conflict, out of bounds or beyond the limit is told apart")
    func counted() throws {
        let store = try open(maxSeries: 2)
        let first = [series("a", [(5, 1), (6, 2), (6, 2)])]
        #expect(try store.receive(first, now: Self.now).accepted == 2)
        var outcome = try store.receive(first, now: Self.now)
        #expect((outcome.accepted, outcome.duplicate) == (0, 3))
        outcome = try store.receive(
            [series("a", [(4, 9), (6, 7), (601, 1), (-20 * 86_400, 1)])], now: Self.now)
        #expect((outcome.accepted, outcome.late, outcome.conflicting) == (1, 1, 1))
        #expect(outcome.outOfBounds == 2)
        _ = try store.receive([series("b", [(1, 1)])], now: Self.now)
        outcome = try store.receive([series("c", [(1, 1)]), series("a", [(8, 8)])], now: Self.now)
        #expect((outcome.accepted, outcome.overLimit, outcome.isPartial) == (1, 1, true))
        #expect(try points(store)["a"]?.map(\.value) == [9, 1, 2, 8])
        try store.sealReceived()
        // The series are known still, so that a late sample is told from a new one.
        outcome = try store.receive([series("a", [(7, 5)])], now: Self.now)
        #expect((outcome.accepted, outcome.late) == (1, 1))
        #expect(try points(store)["a"]?.map(\.value) == [9, 1, 2, 5, 8])
    }

    @Test("A stale marker and a NaN keep their bits on every way")
    func markers() throws {
        let store = try open()
        let nan = Double(bitPattern: 0x7ff8_0000_0000_0001)
        _ = try store.receive(
            [series("a", [(1, 5), (2, StaleMarker.value), (3, nan), (4, .infinity)])],
            now: Self.now)
        for _ in 0..<2 {
            var buffer = SampleBuffer()
            let selected = try store.select(
                [Matcher("host", .equal, "a")], in: TimeRange(start: 0, end: .max),
                hints: SelectHints())
            #expect(try selected.first?.cursor.next(into: &buffer) == true)
            #expect(
                buffer.values.map(\.bitPattern) == [
                    Double(5).bitPattern, StaleMarker.bits, nan.bitPattern,
                    Double.infinity.bitPattern,
                ])
            try store.sealReceived()
        }
    }

    @Test("A sample of this host and one that was sent are one series")
    func merged() throws {
        let store = try open()
        let ref = try store.series(Self.metric, target: try store.target(["host": "a"]))
        var batch = Batch(timestamp: Self.now)
        batch.append(ref, 1)
        _ = store.append(batch)
        _ = try store.receive([series("a", [(0, 7), (1, 2)])], now: Self.now)
        #expect(try points(store)["a"]?.map(\.time) == [Self.now, Self.now + 1000])
        try store.sealReceived()
        try store.seal()
        #expect(try points(store)["a"]?.map(\.time) == [Self.now, Self.now + 1000])
    }

    @Test("Where there is no room nothing is taken, nothing is lost, and the cap holds")
    func full() throws {
        let cap: Int64 = 1 << 20
        let store = try open(maxBytes: cap, maxSeries: 100_000)
        var random = SeededRandom(seed: 7)
        var taken = 0
        var refused = 0
        for request in 0..<400 {
            // What is random does not become smaller.
            let batch = (0..<100).map { number in
                series("\(number)", [(Int64(request), Double(random.next()))])
            }
            do { taken += try store.receive(batch, now: Self.now).accepted } catch {
                refused += 1
                #expect("\(error)".contains("room") || "\(error)".contains("full"))
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: path)
            let bytes = files.reduce(Int64(0)) { sum, name in
                let attributes = try? FileManager.default.attributesOfItem(
                    atPath: path + "/" + name)
                return sum + ((attributes?[.size] as? Int64) ?? 0)
            }
            #expect(bytes <= cap, "\(bytes) after \(request)")
        }
        let held = try points(store).values.reduce(0) { $0 + $1.count }
        let expired = store.statistics().expiredBySize
        #expect(held + expired == taken, "\(held) held, \(expired) expired, \(refused) refused")
    }

    @Test("A damaged place costs its request; the file is kept, a backup has what is left")
    func damaged() throws {
        do {
            let store = try open()
            for number in 0..<5 {
                _ = try store.receive([series("a", [(Int64(number), 1)])], now: Self.now)
            }
        }
        let file = URL(filePath: path + "/received-1")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 0xff
        try bytes.write(to: file)
        #expect(try StoreMaintenance.verify(directory: path).damage.count == 1)
        let store = try open()
        let left = try points(store)
        #expect(left["a"]?.count == 4)
        #expect(store.statistics().quarantined == 1)
        let copy = directory.appending("copy")
        _ = try StoreMaintenance.backup(directory: path, to: copy)
        #expect(try points(try SeriesStore.open(directory: copy)) == left)
        try store.sealReceived()
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(names.contains { $0.hasPrefix("received-1.damaged-") })
    }
}
