// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// A sealed stretch of time, with its lists of timestamps.
struct Bucket {
    let id: Int64
    var timelines: [Int: [Milliseconds]] = [:]

    /// The buckets that touch `range`, oldest first.
    static func all(in range: TimeRange, from database: Database) throws(StoreError) -> [Bucket] {
        let select = try database.prepare(
            """
            SELECT b.id, t.number, t.times FROM bucket b JOIN timeline t ON t.bucket = b.id
            WHERE b.last >= ? AND b.first <= ? ORDER BY b.first, b.id
            """)
        select.bind(1, range.start)
        select.bind(2, range.end)
        defer { select.reset() }
        var buckets: [Bucket] = []
        while try select.step() {
            if buckets.last?.id != select.integer(0) {
                buckets.append(Bucket(id: select.integer(0)))
            }
            let times = select.withBlob(2) { Timeline.decode($0) }
            buckets[buckets.count - 1].timelines[Int(select.integer(1))] = times
        }
        return buckets
    }

    /// Makes a bucket; gives its id. Later buckets have larger ids.
    static func insert(
        first: Milliseconds, last: Milliseconds, in database: Database
    ) throws(StoreError) -> Int64 {
        let insert = try database.prepare("INSERT INTO bucket (first, last) VALUES (?, ?)")
        insert.bind(1, first)
        insert.bind(2, last)
        try insert.run()
        return database.lastInserted
    }

    /// Adds a list of timestamps to a bucket.
    static func insert(
        timeline: Int, _ times: [Milliseconds], bucket: Int64, in database: Database
    ) throws(StoreError) {
        let insert = try database.prepare(
            "INSERT INTO timeline (bucket, number, times) VALUES (?, ?, ?)")
        insert.bind(1, bucket)
        insert.bind(2, Int64(timeline))
        insert.bind(3, Timeline.encode(times))
        try insert.run()
    }

    /// Adds a segment to a bucket, unless it is empty.
    static func insert(
        _ writer: inout Segment.Writer, metric: Int64, bucket: Int64, in database: Database
    ) throws(StoreError) {
        guard !writer.isEmpty else { return }
        let insert = try database.prepare(
            "INSERT INTO segment (bucket, metric, data) VALUES (?, ?, ?)")
        insert.bind(1, bucket)
        insert.bind(2, metric)
        insert.bind(3, writer.finish())
        try insert.run()
    }
}
