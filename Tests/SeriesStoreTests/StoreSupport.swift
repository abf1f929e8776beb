// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Foundation
import Model
import SeriesStore
import TestSupport

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

/// A sample that a query gave.
struct Point: Hashable {
    var time: Milliseconds
    var value: Double
}

extension SeriesStore {
    /// Samples by series, without stale markers.
    func points(
        _ matchers: [Matcher] = [Matcher("__name__", .notEqual, "")],
        in range: TimeRange = TimeRange(start: .min, end: .max), hints: SelectHints = SelectHints()
    ) throws -> [Labels: [Point]] {
        var found: [Labels: [Point]] = [:]
        var buffer = SampleBuffer()
        for series in try select(matchers, in: range, hints: hints) {
            var points: [Point] = []
            while try series.cursor.next(into: &buffer) {
                points += zip(buffer.timestamps, buffer.values)
                    .filter { !StaleMarker.isStale($0.1) }.map { Point(time: $0.0, value: $0.1) }
            }
            found[series.labels] = points
        }
        return found
    }

    /// All values of all series.
    func everyValue() throws -> [Double] { try points().values.flatMap { $0.map(\.value) } }

    /// What `fill` appends.
    static func value(_ series: Int, _ tick: Int) -> Double {
        Double((tick &* 7919 &+ series &* 104_729) % 100_003) / (series % 2 == 0 ? 1 : 100)
    }

    /// Appends a tick every second for the series `test_total{a="0"}`, `{a="1"}`, ...
    func fill(series count: Int, ticks: Range<Int>, from start: Milliseconds = 1_000_000) throws {
        let metric = MetricDescriptor("test_total", .counter, help: "A test.")
        let series = try (0..<count).map {
            try self.series(metric, target: try target(["a": "\($0)"]))
        }
        for tick in ticks {
            var batch = Batch(timestamp: start + Milliseconds(tick) * 1000)
            for (i, one) in series.enumerated() { batch.append(one, Self.value(i, tick)) }
            _ = append(batch)
        }
    }
}
