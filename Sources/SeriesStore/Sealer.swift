// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Turns the head's samples into a bucket of segments.
enum Sealer {
    /// Writes the bucket and empties the journal, in one transaction.
    static func seal(_ head: Head, in database: Database) throws(StoreError) {
        guard let first = head.times.first, let last = head.times.last else { return }
        try database.transaction { () throws(StoreError) in
            let id = try Bucket.insert(first: first, last: last, in: database)
            try Bucket.insert(timeline: 0, head.times, bucket: id, in: database)
            var segments = SegmentInserter(database)
            for metric in head.metrics where metric.id > 0 {
                segments.begin(SegmentKey(bucket: id, metric: metric.id))
                for slot in metric.members {
                    guard let one = head.series[slot], one.id > 0, !one.ticks.isEmpty else {
                        continue
                    }
                    try segments.append(
                        id: one.id, timeline: 0, ticks: one.ticks, values: one.values)
                }
                try segments.finish()
            }
            let seen = try database.prepare("UPDATE target SET last = ? WHERE id = ?")
            for target in head.targets.values where target.id > 0 {
                seen.bind(1, last)
                seen.bind(2, target.id)
                try seen.run()
            }
            let clear = try database.prepare("DELETE FROM tick WHERE time <= ?")
            clear.bind(1, last)
            try clear.run()
        }
    }
}

/// A bucket's timestamps: the change of the step from one to the next, as varints.
enum Timeline {
    static func encode(_ times: [Milliseconds]) -> [UInt8] {
        var bytes: [UInt8] = []
        var previous: Milliseconds = 0
        var step: Milliseconds = 0
        for time in times {
            Varint.appendSigned(time &- previous &- step, to: &bytes)
            step = time &- previous
            previous = time
        }
        return bytes
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> [Milliseconds] {
        var times: [Milliseconds] = []
        times.reserveCapacity(bytes.count)
        var at = 0
        var time: Milliseconds = 0
        var step: Milliseconds = 0
        while let change = Varint.readSigned(bytes, at: &at) {
            step &+= change
            time &+= step
            times.append(time)
        }
        return times
    }
}

/// Deletes what is too old or too much.
enum Retention {
    static func apply(
        in database: Database, before cutoff: Milliseconds, maxBytes: Int64
    ) throws(StoreError) {
        try delete(through: cutoff, in: database)
        // The file does not shrink while pages wait to be used again, so those count as free.
        while try used(database) > maxBytes {
            let oldest = try database.integer("SELECT coalesce(min(last), -1) FROM bucket")
            guard oldest >= 0 else { return }
            try delete(through: oldest + 1, in: database)
        }
        try database.execute("PRAGMA incremental_vacuum(1000)")
    }

    private static func used(_ database: Database) throws(StoreError) -> Int64 {
        let pages = try database.integer("PRAGMA page_count")
        let free = try database.integer("PRAGMA freelist_count")
        return try (pages - free) * database.integer("PRAGMA page_size")
    }

    private static func delete(
        through cutoff: Milliseconds, in database: Database
    ) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try Bucket.delete(before: cutoff, in: database)
            for sql in [
                """
                DELETE FROM series WHERE target IN
                (SELECT id FROM target WHERE last > 0 AND last < ?)
                """,
                """
                DELETE FROM target WHERE last > 0 AND last < ?
                AND NOT EXISTS (SELECT 1 FROM series WHERE series.target = target.id)
                """,
            ] {
                let statement = try database.prepare(sql)
                statement.bind(1, cutoff)
                try statement.run()
            }
        }
    }
}
