// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model
import Synchronization

/// Time series in one SQLite file.
///
/// The newest samples are in memory (the head) and, tick by tick, in the table `tick`, from which
/// the head is restored after a crash. After `ticksPerBucket` ticks they are sealed: packed by
/// metric into segments, in one transaction that also empties the journal. Queries read the head
/// and the segments; retention deletes whole buckets.
///
/// One thread appends; any number reads. Readers of segments have a connection of their own, so a
/// long query does not hold up a tick.
///
/// Out of order: a tick at the time of the last one is refused and counted; one before it, after
/// the clock was set back, begins a bucket of its own, and queries merge the two. A full disk: samples go
/// on in memory and are served, failures are counted, and each tick tries the disk again; when the
/// head has grown to `maxPendingTicks` its oldest bucket's worth is dropped and counted.
public final class SeriesStore: Sendable {
    /// What the operator may choose.
    public struct Options: Sendable {
        /// How long samples are kept, in milliseconds.
        public var retention: Milliseconds = 15 * 86_400_000
        /// Bytes on disk, write-ahead log included, above which the oldest buckets go.
        public var maxBytes: Int64 = 1 << 30
        /// How long a power failure may reach back, in milliseconds. A crash of the agent loses
        /// nothing. 0 waits for the disk at each tick.
        public var syncInterval: Milliseconds = 5000
        /// Series in memory; more are refused.
        public var maxSeries = 200_000

        /// The defaults.
        public init() {}
    }

    /// What the store says of itself.
    public struct Statistics: Hashable, Sendable {
        /// Series in memory.
        public var series = 0
        /// Bytes of the database.
        public var databaseBytes: Int64 = 0
        /// Bytes of the write-ahead log.
        public var walBytes: Int64 = 0
        /// Writes that failed.
        public var errors = 0
        /// Databases or segments that were damaged and set aside.
        public var quarantined = 0
        /// Times a query came upon a damaged segment, and answered without it.
        public var damagedReads = 0
        /// What went wrong last.
        public var lastError: String?
    }

    static let ticksPerBucket = 120
    static let maxPendingTicks = 4 * ticksPerBucket

    /// All that the lock guards.
    struct State: ~Copyable {
        var head = Head()
        let writer: Database
        var statistics = Statistics()
        var lastTime: Milliseconds = .min
        var lastSync: Milliseconds = 0
    }

    let path: String
    let options: Options
    let state: Mutex<State>
    let reader: Mutex<Reader>

    /// The connection that queries share.
    struct Reader: ~Copyable {
        let database: Database
    }

    /// Opens the store in `directory`, making both when they are not there.
    ///
    /// A database that is damaged is set aside as `metrics.db.damaged-<time>` and a new one begun;
    /// one of an early format is kept as `metrics.db.schema-<n>-<time>`; one of a newer version is
    /// refused.
    public static func open(directory: String, options: Options = Options()) throws -> SeriesStore {
        do { try Files.makeDirectories(directory) } catch {
            throw StoreError.directory(path: directory, reason: "\(error)")
        }
        let path = directory + "/metrics.db"
        do { return try SeriesStore(path: path, options: options, quarantined: 0) } catch {
            if case .olderSchema(_, let found) = error {
                _ = try Files.setAside(path, as: "schema-\(found)")
                return try SeriesStore(path: path, options: options, quarantined: 0)
            }
            guard error.isCorruption else { throw error }
            _ = try Files.setAside(path, as: "damaged")
            let store = try SeriesStore(path: path, options: options, quarantined: 1)
            store.state.withLock { $0.statistics.lastError = "\(error)" }
            return store
        }
    }

    private init(path: String, options: Options, quarantined: Int) throws(StoreError) {
        self.path = path
        self.options = options
        let writer = try Database(path: path)
        try Schema.prepare(writer, path: path)
        var head = Head()
        let lastTime = try Journal.replay(from: writer, into: &head)
        var initial = State(writer: writer)
        initial.head = head
        initial.lastTime = lastTime
        initial.statistics.quarantined = quarantined
        state = Mutex(initial)
        reader = Mutex(Reader(database: try Database(path: path, readOnly: true)))
    }

    /// What the store says of itself.
    public func statistics() -> Statistics {
        state.withLock { state in
            state.statistics.series = state.head.count
            state.statistics.databaseBytes = Files.size(path)
            state.statistics.walBytes = Files.size(path + "-wal")
            return state.statistics
        }
    }

    /// Brings everything to the disk. The store goes on to work.
    public func flush() throws {
        try state.withLock { state throws(StoreError) in
            try state.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        }
    }
}
