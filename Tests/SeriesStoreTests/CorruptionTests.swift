// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

/// A connection of the test's own, to damage what the store wrote.
final class RawDatabase {
    private var handle: OpaquePointer?

    init(_ path: String) { sqlite3_open(path, &handle) }

    deinit { sqlite3_close_v2(handle) }

    /// The first column of the first row.
    func blob(_ sql: String) -> [UInt8] {
        var statement: OpaquePointer?
        sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        guard sqlite3_step(statement) == SQLITE_ROW else { return [] }
        let start = sqlite3_column_blob(statement, 0)
        return Array(
            UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, 0))))
    }

    /// Runs a statement with one blob.
    @discardableResult
    func run(_ sql: String, _ bytes: [UInt8] = []) -> Int32 {
        var statement: OpaquePointer?
        sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
        defer { sqlite3_finalize(statement) }
        // -1 is SQLITE_TRANSIENT.
        sqlite3_bind_blob(
            statement, 1, bytes, Int32(bytes.count),
            unsafeBitCast(-1, to: sqlite3_destructor_type.self))
        return sqlite3_step(statement)
    }
}

@Suite("Damaged segments")
struct CorruptionTests {
    private let directory: TemporaryDirectory
    private let metric = MetricDescriptor("test_total", .counter, help: "A test.")

    init() throws { directory = try TemporaryDirectory("corruption") }

    /// The values that a query for everything finds.
    private func values(_ store: SeriesStore) throws -> [Double] {
        var found: [Double] = []
        var buffer = SampleBuffer()
        let all = TimeRange(start: 0, end: .max)
        for series in try store.select([Matcher("a", .notEqual, "")], in: all, hints: SelectHints())
        {
            while try series.cursor.next(into: &buffer) {
                found += buffer.values.filter { !StaleMarker.isStale($0) }
            }
        }
        return found
    }

    @Test("A segment with any byte changed is passed over and counted; the rest is served")
    func everyByte() throws {
        let store = try SeriesStore.open(directory: directory.path)
        let series = try (0..<3).map {
            try store.series(metric, target: try store.target(["a": "\($0)"]))
        }
        for tick in 0..<700 {
            var batch = Batch(timestamp: 1000 + Milliseconds(tick) * 1000)
            for (i, one) in series.enumerated() { batch.append(one, Double(tick * (i + 1))) }
            #expect(store.append(batch).accepted == 3)
        }
        #expect(try values(store).count == 2100)
        let raw = RawDatabase(directory.appending("metrics.db"))
        let first = "(SELECT min(rowid) FROM segment)"
        let good = raw.blob("SELECT data FROM segment WHERE rowid = \(first)")
        #expect(good.count > 20)
        let whole = try values(store).count
        for place in good.indices {
            for flip in [UInt8(1), 0x80] {
                var bad = good
                bad[place] ^= flip
                raw.run("UPDATE segment SET data = ? WHERE rowid = \(first)", bad)
                let before = store.statistics().damagedReads
                let left = try values(store).count
                #expect(left < whole && left >= whole - 3 * 600, "byte \(place)")
                #expect(store.statistics().damagedReads == before + 1, "byte \(place)")
            }
        }
        for length in stride(from: 0, to: good.count, by: 3) {
            raw.run("UPDATE segment SET data = ? WHERE rowid = \(first)", Array(good[..<length]))
            #expect(try values(store).count < whole, "cut to \(length)")
        }
        raw.run("UPDATE segment SET data = ? WHERE rowid = \(first)", good)
        #expect(try values(store).count == whole)
    }
}
