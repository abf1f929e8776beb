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
        var samplesBySeries = 0

        var isEmpty: Bool {
            targets.isEmpty && samplesByAge == 0 && samplesBySize == 0 && samplesBySeries == 0
        }
    }

    private let database: Database
    private(set) var outcome = Outcome()

    init(_ database: Database) { self.database = database }

    /// Raw samples of the last day are deleted after everything that is older.
    private static let day: Milliseconds = 86_400_000

    /// Deletes the buckets of a tier that end more than `retention` before `latest`, but none that
    /// ends at `due` or later.
    ///
    /// A clock that jumps ahead makes everything look old. So nothing goes until samples of an
    /// eighth of the retention, or of six hours, were taken in the week before `latest`.
    mutating func expire(
        _ tier: Tier, _ retention: Milliseconds, before latest: Milliseconds,
        keepingFrom due: Milliseconds = .max
    ) throws(StoreError) {
        let cutoff = min(latest - retention, due)
        guard
            try database.integer(
                "SELECT count(*) FROM bucket WHERE tier = ? AND last < ?", Int64(tier.rawValue),
                cutoff) > 0,
            try database.integer(
                """
                SELECT coalesce(sum(last - first), 0) FROM bucket
                WHERE tier = 0 AND last > ? AND last <= ?
                """, latest - 7 * Self.day, latest) >= min(Self.day / 4, retention / 8)
        else { return }
        while let oldest = try oldest(of: tier), oldest.last < cutoff {
            outcome.samplesByAge += try delete(oldest)
        }
    }

    /// Deletes the oldest raw samples until there are names of at most `limit` series: what came and
    /// went, which no tier has, is what makes them many.
    mutating func limitSeries(to limit: Int64) throws(StoreError) {
        while try database.integer("SELECT count(*) FROM series") > limit,
            let oldest = try oldest(of: .raw)
        {
            outcome.samplesBySeries += try delete(oldest)
        }
    }

    /// Deletes the oldest buckets until `more` bytes can be added to a database file of at most
    /// `limit` bytes, and shrinks the file to that. False when that is not enough.
    mutating func makeRoom(for more: Int64, limit: Int64) throws(StoreError) -> Bool {
        while try database.usedBytes() + more > limit {
            guard let oldest = try first() else { return false }
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

    /// The bucket that is to go first: the oldest of raw samples while there are more than those of
    /// a day, then the oldest of all.
    private func first() throws(StoreError) -> Bucket? {
        guard let raw = try oldest(of: .raw) else { return try oldest(of: nil) }
        let newest = try database.integer("SELECT max(last) FROM bucket WHERE tier = 0")
        return raw.last < newest - Self.day ? raw : try oldest(of: nil)
    }

    /// The bucket that ends first.
    private func oldest(of tier: Tier?) throws(StoreError) -> Bucket? {
        let select = try database.prepare(
            "SELECT id, tier, first, last FROM bucket WHERE tier = ? OR ? ORDER BY last, id LIMIT 1"
        )
        select.bind(1, Int64(tier?.rawValue ?? 0))
        select.bind(2, tier == nil ? 1 : 0)
        defer { select.reset() }
        guard try select.step() else { return nil }
        return Bucket(
            id: select.integer(0), tier: Int(select.integer(1)), first: select.integer(2),
            last: select.integer(3))
    }

    /// When the first bucket of a tier begins; for ever when it has none.
    private func start(of tier: Tier) throws(StoreError) -> Milliseconds {
        try database.integer(
            "SELECT coalesce(min(first), ?) FROM bucket WHERE tier = ?", Milliseconds.max,
            Int64(tier.rawValue))
    }

    /// Deletes a bucket, and the names that have no samples after it; gives how many samples it had.
    private mutating func delete(_ bucket: Bucket) throws(StoreError) -> Int {
        let samples = try database.integer(
            """
            SELECT coalesce(sum(samples), 0) FROM segment WHERE id >= ? AND id < ?
            """, bucket.id << 34, (bucket.id + 1) << 34)
        var gone: Set<Int64> = []
        try database.transaction { () throws(StoreError) in
            try Bucket.delete(bucket.id, in: database)
            // Names go when the last sample of each tier did.
            let targets = try database.prepare(
                """
                SELECT id FROM target
                WHERE last > 0 AND last < ? AND (last_5m = 0 OR last_5m < ?)
                    AND (last_1h = 0 OR last_1h < ?)
                """)
            targets.bind(1, try start(of: .raw))
            targets.bind(2, try start(of: .fiveMinutes))
            targets.bind(3, try start(of: .hour))
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
