// SPDX-License-Identifier: Apache-2.0

import Linux
public import Model
import Synchronization

/// Time series of one host, in one SQLite file and a journal beside it.
///
/// A tick is written to the journal file and kept in memory, packed every 32 ticks. After
/// `ticksPerBucket` ticks, or an hour, the journal is complete: a worker thread moves its samples
/// into the database, packed by metric into segments, in one durable transaction, and deletes the
/// file. Queries read memory and segments; retention deletes whole buckets. After a crash the
/// journals are read back.
///
/// One thread appends; any number reads. No lock that an append or a query takes is held while
/// something waits for the disk, except that with `syncInterval` 0 an append does.
///
/// Out of order: a tick at the time of its timeline's last one is refused and counted; one before
/// it, after the clock was set back, begins a bucket of its own, and queries merge the two. A full
/// disk: samples go on in memory and are served, failures are counted, and each tick tries the disk
/// again. Three sections may wait in memory; of what is older, what the journal has is sealed when
/// there is room, and what it has not is dropped and counted.
public final class SeriesStore: Sendable {
    /// What the operator may choose.
    public struct Options: Sendable {
        /// How long samples are kept, in milliseconds.
        public var retention: Milliseconds = 15 * 86_400_000
        /// How long samples of one for each five minutes are kept, in milliseconds; 0 for none.
        public var retention5m: Milliseconds = 90 * 86_400_000
        /// How long samples of one for each hour are kept, in milliseconds; 0 for none.
        public var retention1h: Milliseconds = 730 * 86_400_000
        /// Bytes that all files together may have, at every instant; the oldest samples go first.
        public var maxBytes: Int64 = 1 << 30
        /// Bytes that the file system should keep free: below that samples of the least worth are
        /// no longer written. At most a twentieth of the file system.
        public var minFree: Int64 = 64 << 20
        /// How far a power failure may reach back, in milliseconds. A crash of the agent loses
        /// nothing. 0 waits for the disk at each tick.
        public var syncInterval: Milliseconds = 5000
        /// Series in memory; more are refused.
        public var maxSeries = 200_000
        /// Series whose names are kept, those that have ended included: queries have them in memory.
        var maxStoredSeries: Int64 { Int64(min(maxSeries, 1 << 40)) * 10 }
        /// Ticks of a timeline after which a bucket is sealed.
        public var ticksPerBucket = 600

        /// The tiers that are kept beside raw samples, with how long.
        var tiers: [(tier: Tier, retention: Milliseconds)] {
            [(.fiveMinutes, retention5m), (.hour, retention1h)].filter { $0.retention > 0 }
        }

        /// The defaults.
        public init() {}

        /// For commands that must not delete what an agent would keep.
        public static var keepingEverything: Options {
            var options = Options()
            options.retention = .max / 4
            options.retention5m = 0
            options.retention1h = 0
            options.maxBytes = .max / 4
            options.maxSeries = .max
            return options
        }
    }

    /// What the store says of itself.
    public struct Statistics: Hashable, Sendable {
        /// Series in memory.
        public var series = 0
        /// Bytes of the database.
        public var databaseBytes: Int64 = 0
        /// Bytes of the write-ahead log.
        public var walBytes: Int64 = 0
        /// Bytes of the journals.
        public var journalBytes: Int64 = 0
        /// Bytes of the write-ahead log's index.
        public var sharedMemoryBytes: Int64 = 0
        /// Bytes of files that were set aside.
        public var otherBytes: Int64 = 0
        /// Samples deleted because they were older than the retention.
        public var expiredByAge = 0
        /// Samples deleted because everything together took more than `maxBytes`.
        public var expiredBySize = 0
        /// Samples deleted because there were names of more series than `maxStoredSeries`.
        public var expiredBySeries = 0
        /// Writes that failed.
        public var errors = 0
        /// Databases, segments and journal frames that were damaged and set aside.
        public var quarantined = 0
        /// Times a query came upon a damaged segment, and answered without it.
        public var damagedReads = 0
        /// Samples that were accepted but could not be written to the journal at once.
        public var unjournaled = 0
        /// Of those, samples that were not worth writing while there was little room.
        public var withheld = 0
        /// Samples that were accepted and never stored, because there was no room until their turn.
        public var leftOut = 0
        /// What is written now: 0 everything, 1 no detail, 2 the essential only.
        public var pressure = 0
        /// Bytes that the file system has left.
        public var availableBytes: Int64 = 0
        /// Sections that wait to be moved into the database.
        public var pendingSections = 0
        /// What went wrong last.
        public var lastError: String?
    }

    let core: StoreCore
    private let finished: Wakeup

    /// Opens the store in `directory`, making both when they are not there.
    ///
    /// A database that is damaged is set aside as `metrics.db.damaged-<time>` and a new one begun;
    /// one of an early format is kept as `metrics.db.schema-<n>-<time>`; one of a newer version is
    /// refused.
    public static func open(directory: String, options: Options = Options()) throws -> SeriesStore {
        do { try Files.makeDirectories(directory) } catch {
            throw StoreError.directory(path: directory, reason: "\(error)")
        }
        return try SeriesStore(try openCore(directory, options))
    }

    private static func openCore(
        _ directory: String, _ options: Options
    ) throws(StoreError) -> StoreCore {
        let path = StoreMaintenance.path(directory)
        do { return try StoreCore(directory: directory, options: options, quarantined: 0) } catch {
            if case .olderSchema(_, let found) = error {
                _ = try Files.setAside(path, as: "schema-\(found)")
                return try StoreCore(directory: directory, options: options, quarantined: 0)
            }
            guard error.isCorruption else { throw error }
            _ = try Files.setAside(path, as: "damaged")
            let core = try StoreCore(directory: directory, options: options, quarantined: 1)
            core.state.withLock { $0.statistics.lastError = "\(error)" }
            return core
        }
    }

    private init(_ core: StoreCore) throws(StoreError) {
        self.core = core
        do { finished = try Wakeup() } catch {
            throw .directory(path: core.directory, reason: "no wake-up event: \(error)")
        }
        StoreWorker.start(core, finished: finished)
        if !core.isSealed { core.wakeup.wake() }
    }

    deinit {
        core.isStopping.store(true, ordering: .releasing)
        core.wakeup.wake()
        // The directory may be opened again at once.
        _ = finished.wait(milliseconds: -1)
    }

    /// Bytes that all files together may have.
    public var maxBytes: Int64 { core.options.maxBytes }

    /// What the store says of itself.
    public func statistics() -> Statistics {
        var result = core.state.withLock { state in
            state.statistics.series = state.table.count
            state.statistics.pendingSections = state.sealing.count + state.spilled.count
            return state.statistics
        }
        let usage = DiskUsage(of: core.directory)
        result.databaseBytes = usage.database
        result.walBytes = usage.wal
        result.sharedMemoryBytes = usage.sharedMemory
        result.journalBytes = usage.journals
        result.otherBytes = usage.others
        result.pressure = Int(core.leastWorth.rawValue)
        result.availableBytes = Files.available(core.directory)
        return result
    }

    /// Brings what is complete into the database and everything to the disk. The store goes on to
    /// work. Throws `StoreError` when the disk refuses.
    public func flush() throws {
        core.syncJournal()
        defer { core.measure() }
        try core.keepLimits()
        while try core.sealOldest() {}
        while try core.buildTier() {}
    }

    /// Ends the bucket that is being filled, before its time, and moves it into the database.
    public func seal() throws {
        core.state.withLock { $0.rotate() }
        try flush()
    }
}
