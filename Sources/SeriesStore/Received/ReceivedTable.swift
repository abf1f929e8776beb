// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// What became of samples that were sent to the store.
public struct ReceiveOutcome: Hashable, Sendable {
    /// Samples stored.
    public var accepted = 0
    /// Of those, samples older than one of their series that was there.
    public var late = 0
    /// Samples passed over because their series has the same value at that time.
    public var duplicate = 0
    /// Samples refused because their series has another value at that time.
    public var conflicting = 0
    /// Samples refused because they are older than the retention or in the future.
    public var outOfBounds = 0
    /// Samples refused because there are as many series as there may be.
    public var overLimit = 0

    /// Nothing yet.
    public init() {}

    /// Whether something was refused.
    public var isPartial: Bool { conflicting + outOfBounds + overLimit > 0 }
}

/// Samples that were sent to the store and are not in the database yet, by series. A value type: a
/// table that is on its way into the database stays as it was.
struct ReceivedTable: Sendable {
    /// One series; its samples ascend by time.
    struct Row: Sendable {
        /// All labels, `__name__` included.
        let labels: Labels
        var series: BackfillSeries
        /// The newest sample it ever had.
        var last = Milliseconds.min
    }

    private(set) var rows: [Row] = []
    private var numbers: [Labels: Int] = [:]
    private var named: [String: [Int]] = [:]
    /// Samples of all rows.
    private(set) var samples = 0

    /// The row of a series, made if there is room; `samples` of it are not taken over.
    mutating func row(of series: BackfillSeries, limit: Int) -> Int? {
        var labels = series.labels
        labels[Labels.metricName] = series.sampleName
        if let known = numbers[labels] { return known }
        guard rows.count < limit else { return nil }
        var empty = series
        (empty.timestamps, empty.values) = ([], [])
        rows.append(Row(labels: labels, series: empty))
        numbers[labels] = rows.count - 1
        named[series.sampleName, default: []].append(rows.count - 1)
        return rows.count - 1
    }

    /// Adds samples to a row.
    mutating func add(
        _ times: [Milliseconds], _ values: [Double], to row: Int, _ outcome: inout ReceiveOutcome
    ) {
        for i in 0..<min(times.count, values.count) {
            let (time, value) = (times[i], values[i])
            let place = rows[row].place(of: time)
            if place < rows[row].series.timestamps.count,
                rows[row].series.timestamps[place] == time
            {
                let isSame = rows[row].series.values[place].bitPattern == value.bitPattern
                if isSame { outcome.duplicate += 1 } else { outcome.conflicting += 1 }
                continue
            }
            if time <= rows[row].last { outcome.late += 1 }
            rows[row].series.timestamps.insert(time, at: place)
            rows[row].series.values.insert(value, at: place)
            rows[row].last = max(rows[row].last, time)
            outcome.accepted += 1
            samples += 1
        }
    }

    /// The rows that had a sample, without their samples: what to go on with.
    func continued() -> ReceivedTable {
        var next = ReceivedTable()
        for row in rows where !row.series.timestamps.isEmpty {
            guard let number = next.row(of: row.series, limit: .max) else { continue }
            next.rows[number].last = row.last
        }
        return next
    }

    /// The rows with samples.
    var batch: [BackfillSeries] { rows.map(\.series).filter { !$0.timestamps.isEmpty } }

    /// What it has of the series that match, by labels.
    func runs(
        _ matchers: CompiledMatchers, in range: TimeRange, order: Int,
        into found: inout [Labels: [StoredRun]]
    ) {
        func take(_ row: Row) {
            guard let first = row.series.timestamps.first, first <= range.end,
                let last = row.series.timestamps.last, last >= range.start,
                matchers.match(row.labels)
            else { return }
            found[row.labels, default: []].append(StoredRun(row.series, order: order))
        }
        if let name = matchers.metricName {
            for number in named[name] ?? [] { take(rows[number]) }
        } else {
            for row in rows { take(row) }
        }
    }
}

extension ReceivedTable.Row {
    /// Where a sample of this time is or would be inserted.
    fileprivate func place(of time: Milliseconds) -> Int {
        guard let last = series.timestamps.last, time <= last else {
            return series.timestamps.count
        }
        return series.timestamps.partitioningIndex { $0 >= time }
    }
}
