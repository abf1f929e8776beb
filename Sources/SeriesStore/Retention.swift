// SPDX-License-Identifier: Apache-2.0

import Model

/// Deletes what is too old or too much.
enum Retention {
    /// Deletes buckets that end before `cutoff`, then the oldest ones until the database takes at
    /// most `maxBytes`. Gives the ids of the targets that are gone with them.
    static func apply(
        in database: Database, before cutoff: Milliseconds, maxBytes: Int64
    ) throws(StoreError) -> Set<Int64> {
        var gone: Set<Int64> = []
        if try database.integer("SELECT count(*) FROM bucket WHERE last < \(cutoff)") > 0 {
            gone.formUnion(try delete(through: cutoff, in: database))
        }
        // Room within the file is used again, so only a file that is too large has to shrink.
        while try used(database) > maxBytes {
            let oldest = try database.integer("SELECT coalesce(min(last), -1) FROM bucket")
            guard oldest >= 0 else { break }
            gone.formUnion(try delete(through: oldest + 1, in: database))
        }
        if try size(database) > maxBytes { try database.execute("PRAGMA incremental_vacuum") }
        return gone
    }

    private static func size(_ database: Database) throws(StoreError) -> Int64 {
        try database.integer("PRAGMA page_count") * database.integer("PRAGMA page_size")
    }

    private static func used(_ database: Database) throws(StoreError) -> Int64 {
        let free = try database.integer("PRAGMA freelist_count")
        return try size(database) - free * database.integer("PRAGMA page_size")
    }

    private static func delete(
        through cutoff: Milliseconds, in database: Database
    ) throws(StoreError) -> Set<Int64> {
        var gone: Set<Int64> = []
        try database.transaction { () throws(StoreError) in
            try Bucket.delete(before: cutoff, in: database)
            // Names outlast the newest of their samples by no more than that.
            let targets = try database.prepare(
                "SELECT id FROM target WHERE last > 0 AND last < ?")
            targets.bind(1, cutoff)
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
        return gone
    }
}
