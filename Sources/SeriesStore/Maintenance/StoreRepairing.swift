// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model

extension StoreMaintenance {
    /// Makes a damaged store whole again: damaged segments move to the table `quarantine`, and a
    /// database whose structure is damaged is written anew from all that can be read of it; the
    /// old file is kept beside it. What can be read of damaged journals moves into the database,
    /// and they are kept under another name. Throws `StoreError.inUse` while an agent has it open.
    public static func repair(directory: String) throws -> StoreRepair {
        var report = try repairDatabase(directory)
        let damaged = JournalFile.numbers(in: directory).filter { number in
            guard let bytes = Files.read(JournalFile.path(directory, number)) else { return false }
            var table = SeriesTable()
            return JournalReader.read(bytes, into: &table).damaged > 0
        }
        guard !damaged.isEmpty else { return report }
        // Opening reads the journals, and sealing moves them into the database.
        let store = try SeriesStore.open(directory: directory, options: .keepingEverything)
        try store.flush()
        report.journals = Files.names(in: directory)
            .filter { name in
                damaged.contains { name.hasPrefix("\(JournalFile.prefix)\($0).damaged-") }
            }
            .map { directory + "/" + $0 }
        return report
    }

    private static func repairDatabase(_ directory: String) throws -> StoreRepair {
        let path = path(directory)
        var report = StoreRepair()
        guard Files.exists(path) else {
            throw StoreError.directory(path: path, reason: "there is none")
        }
        let database = try Database(path: path)
        do {
            try Schema.check(database, path: path)
            try database.lockExclusively(path)
            try Schema.migrate(database)
        } catch {
            throw error.isCorruption ? .beyondRepair(path: path, reason: "\(error)") : error
        }
        let verdict = try? database.text("PRAGMA integrity_check(1)")
        if verdict != "ok" {
            try rebuild(database, path, &report)
        } else {
            try quarantine(in: database, &report)
        }
        return report
    }

    /// Moves damaged segments out of the way of queries.
    private static func quarantine(
        in database: Database, _ report: inout StoreRepair
    ) throws(StoreError) {
        var bad: [(key: SegmentKey, samples: Int, bytes: [UInt8], damage: StoreDamage)] = []
        try eachSegment(database) { key, samples, bytes in
            report.rescuedSegments += 1
            let result = SegmentCheck.check(bytes, key, samples: samples, database)
            if case .failure(let damage) = result {
                bad.append((key, samples, bytes, damage.found))
            }
        } unreadable: { _ in
        }
        try database.transaction { () throws(StoreError) in
            for one in bad {
                try keep(one.bytes, one.key, one.damage.reason, in: database)
                let delete = try database.prepare("DELETE FROM segment WHERE id = ?")
                delete.bind(1, one.key.raw)
                try delete.run()
            }
        }
        report.rescuedSegments -= bad.count
        report.quarantined = bad.map(\.damage)
        report.lostSamples = bad.reduce(0) { $0 + $1.samples }
        try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    private static func keep(
        _ bytes: [UInt8], _ key: SegmentKey, _ reason: String, in database: Database
    ) throws(StoreError) {
        let insert = try database.prepare(
            "INSERT INTO quarantine (segment, reason, data) VALUES (?, ?, ?)")
        insert.bind(1, key.raw)
        insert.bind(2, reason)
        insert.bind(3, bytes)
        try insert.run()
    }

    /// Copies all that can be read to a new database and puts it in the old one's place.
    private static func rebuild(
        _ old: Database, _ path: String, _ report: inout StoreRepair
    ) throws(StoreError) {
        let building = path + ".rebuilding"
        for ending in ["", "-wal", "-shm"] { Files.remove(building + ending) }
        do {
            let new = try Database(path: building)
            try Schema.prepare(new, path: building)
            try new.transaction { () throws(StoreError) in
                for table in ["target", "metric", "series", "bucket", "timeline"] {
                    try Salvage.copy(table, from: old, to: new)
                }
                var damaged: [StoreDamage] = []
                try eachSegment(old) { key, samples, bytes throws(StoreError) in
                    let result = SegmentCheck.check(bytes, key, samples: samples, new)
                    if case .failure(let damage) = result {
                        damaged.append(damage.found)
                        report.lostSamples += samples
                        try keep(bytes, key, damage.found.reason, in: new)
                        return
                    }
                    try Salvage.insertSegment(key, samples, bytes, into: new)
                    report.rescuedSegments += 1
                } unreadable: {
                    damaged.append($0)
                }
                report.quarantined = damaged
            }
            try new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            try new.execute("PRAGMA journal_mode = DELETE")
        }
        report.keptAs = try Files.setAside(path, as: "damaged")
        do { try Files.rename(building, to: path) } catch {
            throw .destination(path: path, reason: "\(error)")
        }
    }
}

/// Reads what is left of damaged tables.
private enum Salvage {
    /// Copies the rows of a table by ascending id up to the first that cannot be read, then by
    /// descending id from the end.
    static func copy(
        _ table: String, from old: Database, to new: Database
    ) throws(StoreError) {
        for order in ["ASC", "DESC"] {
            do throws(StoreError) {
                let select = try old.prepare(
                    "SELECT * FROM \(table) NOT INDEXED ORDER BY rowid \(order)")
                defer { select.reset() }
                while try select.step() {
                    let marks = Array(repeating: "?", count: Int(select.columns))
                    let sql =
                        "INSERT OR IGNORE INTO \(table) VALUES (\(marks.joined(separator: ",")))"
                    let statement = try new.prepare(sql)
                    for column in 0..<select.columns {
                        statement.bind(column + 1, columnOf: select, column)
                    }
                    try statement.run()
                }
                return
            } catch { guard error.isCorruption else { throw error } }
        }
    }

    static func insertSegment(
        _ key: SegmentKey, _ samples: Int, _ bytes: [UInt8], into database: Database
    ) throws(StoreError) {
        let ids = (Segment.entries(bytes) ?? []).map(\.id)
        let insert = try database.prepare(
            "INSERT OR IGNORE INTO segment (id, first, last, samples, data) VALUES (?, ?, ?, ?, ?)")
        insert.bind(1, key.raw)
        insert.bind(2, ids.min() ?? 0)
        insert.bind(3, ids.max() ?? 0)
        insert.bind(4, Int64(samples))
        insert.bind(5, bytes)
        try insert.run()
    }
}
