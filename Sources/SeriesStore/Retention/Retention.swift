// SPDX-License-Identifier: Apache-2.0

import Model

/// Deletes what is too old or too much. Each step is on the disk, and out of the write-ahead log,
/// before the next begins, so that deleting does not take room of its own for long.
struct Retention {
    /// What was deleted.
    struct Outcome {
        /// Targets that are gone with their series.
        var targets: Set<Int64> = []
        var samplesByAge = 0
        var samplesBySize = 0

        var isEmpty: Bool { targets.isEmpty && samplesByAge == 0 && samplesBySize == 0 }
    }

    private let database: Database
    private(set) var outcome = Outcome()

    init(_ database: Database) { self.database = database }

    /// Deletes the buckets that end more than `retention` before `latest`.
    ///
    /// A clock that jumps ahead makes everything look old. So nothing goes until samples of an
    /// eighth of the retention, or of six hours, were taken in the week before `latest`.
    mutating func expire(_ retention: Milliseconds, before latest: Milliseconds) throws(StoreError)
    {
        let cutoff = latest - retention
        guard
            try database.integer("SELECT count(*) FROM bucket WHERE last < ?", cutoff) > 0,
            try database.integer(
                """
                SELECT coalesce(sum(last - first), 0) FROM bucket WHERE last > ? AND last <= ?
                """, latest - 7 * 86_400_000, latest) >= min(6 * 3_600_000, retention / 8)
        else { return }
        while let oldest = try oldest(), oldest.last < cutoff {
            outcome.samplesByAge += try delete(oldest)
        }
    }

    /// Deletes the oldest buckets until `more` bytes can be added to a database file of at most
    /// `limit` bytes, and shrinks the file to that. False when that is not enough.
    mutating func makeRoom(for more: Int64, limit: Int64) throws(StoreError) -> Bool {
        while try database.usedBytes() + more > limit {
            guard let oldest = try oldest() else { return false }
            outcome.samplesBySize += try delete(oldest)
        }
        // Room within the file is used again, so only a file that is too large has to shrink.
        while try size() > limit {
            guard try database.integer("PRAGMA freelist_count") > 0 else { return false }
            try database.execute("PRAGMA incremental_vacuum(\(Self.vacuumPages))")
            try database.checkpoint()
        }
        return true
    }

    /// Pages that are moved before the write-ahead log is emptied.
    private static let vacuumPages = 64

    private func size() throws(StoreError) -> Int64 {
        try database.integer("PRAGMA page_count") * database.integer("PRAGMA page_size")
    }

    /// The bucket that ends first.
    private func oldest() throws(StoreError) -> (id: Int64, last: Milliseconds)? {
        let select = try database.prepare("SELECT id, last FROM bucket ORDER BY last, id LIMIT 1")
        defer { select.reset() }
        return try select.step() ? (select.integer(0), select.integer(1)) : nil
    }

    /// Deletes a bucket, and the names that have no samples after it; gives how many samples it had.
    private mutating func delete(
        _ bucket: (id: Int64, last: Milliseconds)
    ) throws(StoreError) -> Int {
        let samples = try database.integer(
            """
            SELECT coalesce(sum(samples), 0) FROM segment WHERE id >= ? AND id < ?
            """, bucket.id << 34, (bucket.id + 1) << 34)
        var gone: Set<Int64> = []
        try database.transaction { () throws(StoreError) in
            try Bucket.delete(bucket.id, in: database)
            let targets = try database.prepare(
                "SELECT id FROM target WHERE last > 0 AND last <= ?")
            targets.bind(1, bucket.last)
            while try targets.step() { gone.insert(targets.integer(0)) }
            targets.reset()
            for id in gone {
                for sql in [
                    "DELETE FROM series WHERE target = ?", "DELETE FROM target WHERE id = ?",
                ] {
                    let statement = try database.prepare(sql)
                    statement.bind(1, id)
                    try statement.run()
                }
            }
        }
        try database.checkpoint()
        outcome.targets.formUnion(gone)
        return Int(samples)
    }
}
