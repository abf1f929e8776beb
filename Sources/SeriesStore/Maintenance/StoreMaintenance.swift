// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// What an operator does to a store on disk: look, check, mend, copy.
///
/// `usage`, `verify` and `backup` only read and may run beside the agent. `repair` and `restore`
/// refuse while another process has the database open.
public enum StoreMaintenance {
    static let databaseName = "metrics.db"

    static func path(_ directory: String) -> String { directory + "/" + databaseName }

    /// Opens the database to read; it must be one of this version.
    static func open(_ path: String) throws(StoreError) -> Database {
        let database = try Database(path: path, readOnly: true)
        try Schema.check(database, path: path)
        return database
    }

    /// How much the store in `directory` takes, by part, resolution and family.
    public static func usage(directory: String) throws -> StoreUsage {
        let path = path(directory)
        let database = try open(path)
        var usage = StoreUsage()
        usage.databaseBytes = Files.size(path)
        usage.walBytes = Files.size(path + "-wal")
        usage.journalBytes = DiskUsage(of: directory).journals
        usage.availableBytes = Files.available(directory)
        usage.reusableBytes =
            try database.integer("PRAGMA freelist_count") * database.integer("PRAGMA page_size")
        usage.targets = Int(try database.integer("SELECT count(*) FROM target"))
        usage.series = Int(try database.integer("SELECT count(*) FROM series"))
        usage.quarantinedSegments = Int(try database.integer("SELECT count(*) FROM quarantine"))
        let shares = try shares(database)
        usage.tiers = try tiers(database, shares.buckets)
        usage.metrics = try metrics(database, shares.metrics)
        for name in Files.names(in: directory) where isLeftover(name) {
            let bytes = Files.size(directory + "/" + name)
            usage.leftovers.append(StoreUsage.Leftover(name: name, bytes: bytes))
        }
        return usage
    }

    /// Whether a file was set aside by the store.
    static func isLeftover(_ name: String) -> Bool {
        [databaseName, JournalFile.prefix, ReceivedJournal.prefix].contains { name.hasPrefix($0) }
            && [".damaged-", ".schema-", ".replaced-"].contains { name.contains($0) }
    }

    /// Samples and bytes of some segments.
    private struct Share {
        var samples = 0
        var bytes: Int64 = 0
    }

    /// What the segments of each bucket and of each metric come to, from one pass over their rows: the
    /// database would sort the segments themselves for that, in a file as large as all of them.
    private static func shares(
        _ database: Database
    ) throws(StoreError) -> (buckets: [Int64: Share], metrics: [Int64: Share]) {
        var buckets: [Int64: Share] = [:]
        var metrics: [Int64: Share] = [:]
        let select = try database.prepare("SELECT id, samples, length(data) FROM segment")
        defer { select.reset() }
        while try select.step() {
            let key = SegmentKey(raw: select.integer(0))
            let (samples, bytes) = (Int(select.integer(1)), select.integer(2))
            buckets[key.bucket, default: Share()].samples += samples
            buckets[key.bucket, default: Share()].bytes += bytes
            metrics[key.metric, default: Share()].samples += samples
            metrics[key.metric, default: Share()].bytes += bytes
        }
        return (buckets, metrics)
    }

    private static func tiers(
        _ database: Database, _ shares: [Int64: Share]
    ) throws(StoreError) -> [StoreUsage.Tier] {
        var tiers: [Int: StoreUsage.Tier] = [:]
        for bucket in try Bucket.all(from: database) {
            let name = Tier(rawValue: bucket.tier)?.name ?? "unknown"
            var tier =
                tiers[bucket.tier]
                ?? StoreUsage.Tier(
                    name: name, buckets: 0, samples: 0, bytes: 0, oldest: bucket.first,
                    newest: bucket.last)
            let share = shares[bucket.id] ?? Share()
            tier.buckets += 1
            tier.samples += share.samples
            tier.bytes += share.bytes
            tier.oldest = min(tier.oldest ?? .max, bucket.first)
            tier.newest = max(tier.newest ?? .min, bucket.last)
            tiers[bucket.tier] = tier
        }
        return tiers.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func metrics(
        _ database: Database, _ shares: [Int64: Share]
    ) throws(StoreError) -> [StoreUsage.Metric] {
        var series: [Int64: Int] = [:]
        let count = try database.prepare("SELECT metric, count(*) FROM series GROUP BY metric")
        while try count.step() { series[count.integer(0)] = Int(count.integer(1)) }
        count.reset()
        var metrics: [StoreUsage.Metric] = []
        let select = try database.prepare("SELECT id, name FROM metric")
        defer { select.reset() }
        while try select.step() {
            let share = shares[select.integer(0)] ?? Share()
            metrics.append(
                StoreUsage.Metric(
                    name: select.text(1), series: series[select.integer(0)] ?? 0,
                    samples: share.samples, bytes: share.bytes))
        }
        return metrics.sorted { a, b in
            a.bytes == b.bytes
                ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8) : a.bytes > b.bytes
        }
    }

    /// Reads everything there is: the database's structure, the checksum and every value of each
    /// segment. Damage is reported, not thrown; only what cannot be opened or read throws.
    public static func verify(directory: String) throws -> StoreVerification {
        var report = StoreVerification()
        do { try verifyDatabase(path(directory), &report) } catch {
            guard error.isCorruption else { throw error }
            report.damage.append(StoreDamage(place: "database", reason: "\(error)"))
        }
        for number in JournalFile.numbers(in: directory) {
            check(JournalFile.path(directory, number), &report)
        }
        var received = ReceivedJournal()
        var table = ReceivedTable()
        let damaged = received.replay(directory: directory, into: &table)
        report.samples += table.samples
        if damaged > 0 {
            report.damage.append(
                StoreDamage(
                    place: "\(directory)/\(ReceivedJournal.prefix)*",
                    reason: "\(damaged) damaged places"))
        }
        return report
    }

    private static func verifyDatabase(
        _ path: String, _ report: inout StoreVerification
    ) throws(StoreError) {
        let database = try open(path)
        try checkStructure(database, &report)
        try eachSegment(database) { key, samples, bytes in
            report.segments += 1
            switch SegmentCheck.check(bytes, key, samples: samples, database) {
            case .success(let count): report.samples += count
            case .failure(let damage): report.damage.append(damage.found)
            }
        } unreadable: {
            report.damage.append($0)
        }
    }

    private static func check(_ journal: String, _ report: inout StoreVerification) {
        // A journal that is gone was sealed meanwhile.
        guard let bytes = Files.read(journal) else { return }
        var table = SeriesTable()
        let result = JournalReader.read(bytes, into: &table)
        report.journalFrames += result.frames
        report.samples += result.stretches.reduce(0) { $0 + $1.stretch.samples }
        if result.damaged > 0 {
            report.damage.append(
                StoreDamage(place: journal, reason: "\(result.damaged) damaged places"))
        }
    }

    private static func checkStructure(
        _ database: Database, _ report: inout StoreVerification
    ) throws(StoreError) {
        do {
            let check = try database.prepare("PRAGMA integrity_check(20)")
            defer { check.reset() }
            while try check.step() {
                if check.text(0) == "ok" { continue }
                report.damage.append(StoreDamage(place: "database", reason: check.text(0)))
            }
        } catch {
            guard error.isCorruption else { throw error }
            report.damage.append(StoreDamage(place: "database", reason: "\(error)"))
        }
    }

    /// Calls `body` with every segment that can be read, and goes on after those that cannot.
    static func eachSegment(
        _ database: Database,
        _ body: (SegmentKey, Int, [UInt8]) throws(StoreError) -> Void,
        unreadable: (StoreDamage) -> Void
    ) throws(StoreError) {
        let select = try database.prepare(
            "SELECT id, samples, data FROM segment WHERE id > ? ORDER BY id LIMIT 1")
        var last = Int64.min
        while true {
            select.bind(1, last)
            do {
                defer { select.reset() }
                guard try select.step() else { return }
                last = select.integer(0)
                let (samples, bytes) = (Int(select.integer(1)), select.blob(2))
                try body(SegmentKey(raw: last), samples, bytes)
            } catch {
                guard error.isCorruption else { throw error }
                unreadable(StoreDamage(place: "segment after \(last)", reason: "\(error)"))
                // The rows of the bucket that follow are on pages near by: the next bucket.
                guard let next = try nextBucket(after: last, database) else { return }
                last = next
            }
        }
    }

    private static func nextBucket(
        after id: Int64, _ database: Database
    ) throws(StoreError) -> Int64? {
        let select = try database.prepare("SELECT min(id) FROM bucket WHERE id > ?")
        // What follows the last id of a bucket is in the next one, which was tried.
        select.bind(1, max(-1, (id &+ 1) >> 34))
        defer { select.reset() }
        guard try select.step(), select.integer(0) > 0 else { return nil }
        return select.integer(0) << 34 - 1
    }
}

/// The check of one segment down to its last value.
enum SegmentCheck {
    struct Damage: Error {
        let found: StoreDamage
    }

    static func check(
        _ bytes: [UInt8], _ key: SegmentKey, samples: Int, _ database: Database
    ) -> Result<Int, Damage> {
        func damage(_ reason: String) -> Result<Int, Damage> {
            .failure(
                Damage(
                    found: StoreDamage(
                        place: "segment \(key.raw) (bucket \(key.bucket), metric \(key.metric))",
                        reason: reason)))
        }
        guard let entries = Segment.entries(bytes) else { return damage("wrong checksum") }
        let codec = ValueCodec()
        var values: [Double] = []
        var count = 0
        for entry in entries {
            values = [Double](repeating: 0, count: entry.count)
            let isWhole = bytes.withUnsafeBytes { bytes in
                values.withUnsafeMutableBufferPointer {
                    codec.decode(UnsafeRawBufferPointer(rebasing: bytes[entry.values]), into: $0)
                }
            }
            guard isWhole else { return damage("the values of series \(entry.id) do not decode") }
            count += entry.count
        }
        guard count == samples else {
            return damage("\(count) samples where \(samples) were written")
        }
        do {
            let exists = try database.prepare("SELECT 1 FROM bucket WHERE id = ?")
            exists.bind(1, key.bucket)
            defer { exists.reset() }
            guard try exists.step() else { return damage("its bucket is missing") }
        } catch { return damage("its bucket cannot be read: \(error)") }
        return .success(count)
    }
}
