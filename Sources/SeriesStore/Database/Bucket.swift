// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The id of a row of `segment`: 29 bits of bucket, 20 of metric, 2 of column, 12 of part.
///
/// Rows of a bucket follow one another, so that inserts append and retention deletes a stretch;
/// within it those of a metric do, which is what a query reads.
struct SegmentKey {
    static let largestMetric: Int64 = (1 << 20) - 1
    static let largestBucket: Int64 = (1 << 29) - 1

    var bucket: Int64
    var metric: Int64
    var column: Int64 = 0
    var part: Int64 = 0

    var raw: Int64 { bucket << 34 | metric << 14 | column << 12 | part }

    init(bucket: Int64, metric: Int64, column: Int64 = 0) {
        self.bucket = bucket
        self.metric = metric
        self.column = column
    }

    init(raw: Int64) {
        bucket = raw >> 34
        metric = raw >> 14 & Self.largestMetric
        column = raw >> 12 & 3
        part = raw & 0xfff
    }

    /// The ids of all parts of this bucket, metric and column.
    var parts: ClosedRange<Int64> {
        let first = raw & ~0xfff
        return first...(first | 0xfff)
    }
}

/// A sealed stretch of time.
struct Bucket: Hashable {
    let id: Int64
    let tier: Int
    /// When its first and its last sample are.
    let first: Milliseconds
    let last: Milliseconds

    /// Bits of the number of a timeline within its bucket, in the id of its row.
    static let timelineBits: Int64 = 24

    /// Set in the number of a tier's list of counts, which goes with the list of times of the same
    /// number.
    static let countsFlag = 1 << 23

    /// The row of a bucket's timeline.
    static func timelineID(_ bucket: Int64, _ timeline: Int) -> Int64 {
        bucket << timelineBits | Int64(timeline)
    }

    /// All buckets, oldest first.
    static func all(from database: Database) throws(StoreError) -> [Bucket] {
        let select = try database.prepare(
            "SELECT id, tier, first, last FROM bucket ORDER BY first, id")
        defer { select.reset() }
        var buckets: [Bucket] = []
        while try select.step() {
            buckets.append(
                Bucket(
                    id: select.integer(0), tier: Int(select.integer(1)), first: select.integer(2),
                    last: select.integer(3)))
        }
        return buckets
    }

    /// The list of timestamps in a row of `timeline`; empty when there is none.
    static func timeline(
        _ id: Int64, from database: Database
    ) throws(StoreError) -> [Milliseconds] {
        let select = try database.prepare("SELECT times FROM timeline WHERE id = ?")
        select.bind(1, id)
        defer { select.reset() }
        return try select.step() ? select.withBlob(0) { Timeline.decode($0) } : []
    }

    /// Makes a bucket; gives its id. Later buckets have larger ids.
    static func insert(
        first: Milliseconds, last: Milliseconds, section: Int64 = 0, tier: Tier = .raw,
        in database: Database
    ) throws(StoreError) -> Int64 {
        let insert = try database.prepare(
            "INSERT INTO bucket (first, last, section, tier) VALUES (?, ?, ?, ?)")
        insert.bind(4, Int64(tier.rawValue))
        insert.bind(1, first)
        insert.bind(2, last)
        insert.bind(3, section)
        try insert.run()
        return database.lastInserted
    }

    /// Adds a list of timestamps to a bucket.
    static func insert(
        timeline: Int, _ times: [Milliseconds], bucket: Int64, in database: Database
    ) throws(StoreError) {
        let insert = try database.prepare("INSERT INTO timeline (id, times) VALUES (?, ?)")
        insert.bind(1, timelineID(bucket, timeline))
        insert.bind(2, Timeline.encode(times))
        try insert.run()
    }

    /// Deletes one bucket.
    static func delete(_ id: Int64, in database: Database) throws(StoreError) {
        for (sql, shift) in [
            ("DELETE FROM segment WHERE id BETWEEN ? AND ?", 34),
            ("DELETE FROM timeline WHERE id BETWEEN ? AND ?", timelineBits),
            ("DELETE FROM bucket WHERE id BETWEEN ? AND ?", 0),
        ] {
            let statement = try database.prepare(sql)
            statement.bind(1, id << shift)
            statement.bind(2, (id + 1) << shift - 1)
            try statement.run()
        }
    }
}

/// Writes the segments of one metric of one bucket, cut into parts.
struct SegmentInserter {
    /// A part that is larger than this is closed.
    private static let partBytes = 24 * 1024

    private var writer = Segment.Writer()
    private var key = SegmentKey(bucket: 0, metric: 0)
    private let database: Database

    init(_ database: Database) { self.database = database }

    /// Begins another metric or bucket.
    mutating func begin(_ key: SegmentKey) {
        self.key = key
        writer.reset()
    }

    mutating func append(
        id: Int64, timeline: Int, runs: [(first: Int, count: Int)], values: [Double]
    ) throws(StoreError) {
        writer.append(id: id, timeline: timeline, runs: runs, values: values)
        if writer.bytes.count >= Self.partBytes { try finish() }
    }

    /// Writes what there is.
    mutating func finish() throws(StoreError) {
        guard !writer.isEmpty else { return }
        let insert = try database.prepare(
            "INSERT INTO segment (id, first, last, samples, data) VALUES (?, ?, ?, ?, ?)")
        insert.bind(1, key.raw)
        insert.bind(2, writer.ids.lowerBound)
        insert.bind(3, writer.ids.upperBound)
        insert.bind(4, Int64(writer.samples))
        insert.bind(5, writer.finish())
        try insert.run()
        key.part += 1
        writer.reset()
    }
}
