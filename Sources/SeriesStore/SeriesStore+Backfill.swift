// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model
import Synchronization

/// A series with samples of the past, for `SeriesStore.backfill`.
public struct BackfillSeries: Sendable {
    /// The family it belongs to.
    public var descriptor: MetricDescriptor
    /// What its samples are called: the family's name but for histograms and summaries.
    public var sampleName: String
    /// All labels, without `__name__`.
    public var labels: Labels
    /// Milliseconds since the Unix epoch, in any order.
    public var timestamps: [Milliseconds]
    /// The value at each timestamp.
    public var values: [Double]

    /// A series of these parts.
    public init(
        descriptor: MetricDescriptor, sampleName: String, labels: Labels,
        timestamps: [Milliseconds], values: [Double]
    ) {
        self.descriptor = descriptor
        self.sampleName = sampleName
        self.labels = labels
        self.timestamps = timestamps
        self.values = values
    }
}

extension SeriesStore {
    /// Stores samples of the past, durably, in buckets of an hour; all of a batch or nothing.
    ///
    /// Where a series has a sample at the same time already, the one stored before stays: queries
    /// choose by bucket. Of two samples of `batch` at one time the first is stored, the other
    /// counted as duplicate. Throws `StoreError` when the disk refuses.
    public func backfill(_ batch: [BackfillSeries]) throws -> AppendOutcome {
        try core.backfill(batch)
    }
}

extension StoreCore {
    /// The width of the buckets that backfilled samples are put in.
    private static let backfillWindow: Milliseconds = 3_600_000

    /// See `SeriesStore.backfill`.
    func backfill(_ batch: [BackfillSeries]) throws(StoreError) -> AppendOutcome {
        var outcome = AppendOutcome()
        let windows = Self.windows(of: batch, outcome: &outcome)
        try writer.withLock { locked throws(StoreError) in
            let writer = locked.database
            try writer.execute("PRAGMA synchronous = FULL")
            try writer.transaction { () throws(StoreError) in
                var rows: [(metric: Int64, id: Int64)] = []
                for one in batch {
                    let target = try Registry.target(one.labels, in: writer)
                    let metric = try Registry.metric(one.descriptor, in: writer)
                    let id = try Registry.series(
                        metric: metric, target: target, name: one.sampleName, labels: Labels(),
                        in: writer)
                    rows.append((metric, id))
                    let last = try writer.prepare(
                        "UPDATE target SET last = max(last, ?) WHERE id = ?")
                    last.bind(1, one.timestamps.max() ?? 0)
                    last.bind(2, target)
                    try last.run()
                }
                let newest = try writer.integer("SELECT coalesce(max(id), 0) FROM bucket")
                for number in windows.keys.sorted() {
                    try Self.write(windows[number] ?? [], rows, to: writer)
                }
                try TierBuilder.invalidate(after: newest, in: writer)
            }
        }
        isTierDue.store(true, ordering: .releasing)
        return outcome
    }

    /// Samples of one series in one bucket.
    private struct Piece {
        let series: Int
        var times: [Milliseconds] = []
        var values: [Double] = []
    }

    private static func windows(
        of batch: [BackfillSeries], outcome: inout AppendOutcome
    ) -> [Milliseconds: [Piece]] {
        var windows: [Milliseconds: [Piece]] = [:]
        for (index, one) in batch.enumerated() {
            let count = min(one.timestamps.count, one.values.count)
            let order = (0..<count).sorted {
                (one.timestamps[$0], $0) < (one.timestamps[$1], $1)
            }
            var piece = Piece(series: index)
            var window: Milliseconds = .min
            for i in order {
                let time = one.timestamps[i]
                if time == piece.times.last {
                    outcome.duplicate += 1
                    continue
                }
                // Rounds down before 1970 too.
                let number = (time >= 0 ? time : time - backfillWindow + 1) / backfillWindow
                if number != window, !piece.times.isEmpty {
                    windows[window, default: []].append(piece)
                    piece = Piece(series: index)
                }
                window = number
                piece.times.append(time)
                piece.values.append(one.values[i])
                outcome.accepted += 1
            }
            if !piece.times.isEmpty { windows[window, default: []].append(piece) }
        }
        return windows
    }

    private static func write(
        _ pieces: [Piece], _ rows: [(metric: Int64, id: Int64)], to database: Database
    ) throws(StoreError) {
        guard let first = pieces.compactMap(\.times.first).min(),
            let last = pieces.compactMap(\.times.last).max()
        else { return }
        let bucket = try Bucket.insert(first: first, last: last, in: database)
        var timelines: [[Milliseconds]: Int] = [:]
        var segments = SegmentInserter(database)
        let groups = Dictionary(grouping: pieces) { rows[$0.series].metric }
        for metric in groups.keys.sorted() {
            segments.begin(SegmentKey(bucket: bucket, metric: metric))
            let members = (groups[metric] ?? []).sorted { rows[$0.series].id < rows[$1.series].id }
            for piece in members {
                var number = timelines[piece.times]
                if number == nil {
                    number = timelines.count
                    timelines[piece.times] = timelines.count
                    try Bucket.insert(
                        timeline: timelines.count - 1, piece.times, bucket: bucket, in: database)
                }
                try segments.append(
                    id: rows[piece.series].id, timeline: number ?? 0,
                    runs: [(0, piece.times.count)], values: piece.values)
            }
            try segments.finish()
        }
    }
}
