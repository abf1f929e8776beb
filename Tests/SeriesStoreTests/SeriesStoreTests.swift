// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Series store")
struct SeriesStoreTests {
    static let metric = MetricDescriptor("test_total", .counter, help: "A \\ test.")
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("store") }

    private func open() throws -> SeriesStore {
        try SeriesStore.open(directory: directory.appending("series"))
    }

    /// Appends `count` ticks a second apart, with the tick's number as value.
    private func fill(_ store: SeriesStore, from start: Int64, count: Int, name: String = "a")
        throws
    {
        let target = try store.target(["name": name])
        let series = try store.series(Self.metric, target: target)
        for i in 0..<count {
            var batch = Batch(timestamp: start + Int64(i) * 1000)
            batch.append(series, Double(i))
            #expect(store.append(batch).accepted == 1)
        }
    }

    private func read(_ store: SeriesStore, _ matchers: [Matcher]) throws -> [(Int64, Double)] {
        var points: [(Int64, Double)] = []
        var buffer = SampleBuffer()
        let all = TimeRange(start: 0, end: .max)
        for series in try store.select(matchers, in: all, hints: SelectHints()) {
            while try series.cursor.next(into: &buffer) {
                points += zip(buffer.timestamps, buffer.values).filter {
                    !StaleMarker.isStale($0.1)
                }
            }
        }
        return points
    }

    @Test("Samples come back in order, sealed or not, and survive a restart without a close")
    func restart() throws {
        let matchers = [Matcher("__name__", .equal, "test_total")]
        for _ in 0..<1 {
            let store = try open()
            try fill(store, from: 1_000_000, count: 300)
            #expect(try read(store, matchers).map(\.1) == (0..<300).map(Double.init))
        }
        let again = try open()
        let points = try read(again, matchers)
        #expect(points.map(\.1) == (0..<300).map(Double.init))
        #expect(points.first?.0 == 1_000_000)
        try fill(again, from: 2_000_000, count: 5)
        #expect(try read(again, matchers).count == 305)
    }

    @Test("A tick at the last one's time is refused; a clock that is set back loses nothing")
    func order() throws {
        let store = try open()
        try fill(store, from: 10_000, count: 2)
        let series = try store.series(Self.metric, target: try store.target(["name": "a"]))
        var batch = Batch(timestamp: 11_000)
        batch.append(series, 9)
        #expect(store.append(batch).duplicate == 1)
        for (time, value) in [(5000, 50), (10_000, 60), (10_500, 70), (12_000, 80)] {
            batch.reset(timestamp: Milliseconds(time))
            batch.append(series, Double(value))
            #expect(store.append(batch).accepted == 1)
        }
        let points = try read(store, [Matcher("name", .equal, "a")])
        #expect(points.map(\.0) == [5000, 10_000, 10_500, 11_000, 12_000])
        #expect(points.map(\.1) == [50, 0, 70, 1, 80])
    }

    @Test("A database of the first format is kept under its own name")
    func firstFormat() throws {
        let path = directory.appending("series/metrics.db")
        try fill(try open(), from: 1000, count: 1)
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes.replaceSubrange(60..<64, with: [0, 0, 0, 1])
        try bytes.write(to: URL(filePath: path))
        try? FileManager.default.removeItem(atPath: path + "-wal")
        #expect(try open().statistics().quarantined == 0)
        let names = try FileManager.default.contentsOfDirectory(
            atPath: directory.appending("series"))
        #expect(names.contains { $0.hasPrefix("metrics.db.schema-1-") })
    }

    @Test("Matchers select by name, by regular expression and by absence")
    func matchers() throws {
        let store = try open()
        let web = try store.series(Self.metric, target: try store.target(["name": "web"]))
        let db = try store.series(Self.metric, target: try store.target(["name": "db", "x": "1"]))
        var batch = Batch(timestamp: 1000)
        batch.append(web, 1)
        batch.append(db, 2)
        _ = store.append(batch)
        #expect(try read(store, [Matcher("name", .matches, "w.*|q")]).map(\.1) == [1])
        #expect(
            try read(store, [Matcher("x", .notEqual, "1"), Matcher("name", .notEqual, "")]).map(\.1)
                == [1])
        let all = TimeRange(start: 0, end: 2000)
        #expect(try store.labelValues(of: "name", [], in: all) == ["db", "web"])
        #expect(throws: (any Error).self) { try read(store, [Matcher("name", .matches, "(")]) }
    }

    @Test("The newest values are exposed with escaped labels, those of a retired target are not")
    func exposition() throws {
        let store = try open()
        let hostile = try store.target(["name": "a\"b\\c\nd"])
        let gone = try store.target(["name": "gone"])
        let one = try store.series(Self.metric, target: hostile)
        let two = try store.series(Self.metric, target: gone)
        var batch = Batch(timestamp: 1000)
        batch.append(one, 2.5)
        batch.append(two, 7)
        _ = store.append(batch)
        store.retire(gone)
        var bytes: [UInt8] = []
        try store.expose(ExpositionRequest(), into: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self) == #"""
                # HELP test_total A \\ test.
                # TYPE test_total counter
                test_total{name="a\"b\\c\nd"} 2.5

                """#)
    }

    @Test("A damaged database is set aside and a new one begun")
    func damaged() throws {
        try directory.write(
            String(repeating: "not a database ", count: 1000), to: "series/metrics.db")
        let store = try open()
        #expect(store.statistics().quarantined == 1)
        try fill(store, from: 1000, count: 3)
        let names = try FileManager.default.contentsOfDirectory(
            atPath: directory.appending("series"))
        #expect(names.contains { $0.hasPrefix("metrics.db.damaged-") })
    }

    @Test("A database of a newer version is refused and left alone")
    func newer() throws {
        try fill(try open(), from: 1000, count: 1)
        let path = directory.appending("series/metrics.db")
        var bytes = try Data(contentsOf: URL(filePath: path))
        // PRAGMA user_version is at offset 60 of the header (https://sqlite.org/fileformat.html).
        bytes.replaceSubrange(60..<64, with: [0, 0, 0, 99])
        try bytes.write(to: URL(filePath: path))
        try? FileManager.default.removeItem(atPath: path + "-wal")
        #expect { try open() } throws: { "\($0)".contains("newer version") }
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
    }
}
