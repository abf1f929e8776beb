// SPDX-License-Identifier: Apache-2.0

public import Model

/// What a store takes, and what for.
public struct StoreUsage: Hashable, Sendable {
    /// A resolution that samples are kept in.
    public struct Tier: Hashable, Sendable {
        /// `raw`, or the time between two samples, such as `5m`.
        public var name: String
        /// Sealed stretches of time.
        public var buckets = 0
        /// Samples in them.
        public var samples = 0
        /// Bytes of their segments.
        public var bytes: Int64 = 0
        /// Time of the first and of the last sample; nil when there is none.
        public var oldest: Milliseconds?
        /// See `oldest`.
        public var newest: Milliseconds?
    }

    /// A family.
    public struct Metric: Hashable, Sendable {
        /// The family's name.
        public var name: String
        /// Series that the database knows of it.
        public var series = 0
        /// Samples in segments.
        public var samples = 0
        /// Bytes of its segments.
        public var bytes: Int64 = 0
    }

    /// A file that is in the store's directory but not in use.
    public struct Leftover: Hashable, Sendable {
        /// The file's name.
        public var name: String
        /// Its size.
        public var bytes: Int64
    }

    /// Bytes of the database file.
    public var databaseBytes: Int64 = 0
    /// Bytes within the database that are free to be used again.
    public var reusableBytes: Int64 = 0
    /// Bytes of SQLite's write-ahead log.
    public var walBytes: Int64 = 0
    /// Bytes of samples that are not sealed yet, outside the database.
    public var journalBytes: Int64 = 0
    /// Bytes that an unprivileged process may still write to the file system.
    public var availableBytes: Int64 = 0
    /// What the store keeps, finest first.
    public var tiers: [Tier] = []
    /// Families, largest first.
    public var metrics: [Metric] = []
    /// Containers and other things measured, current and past.
    public var targets = 0
    /// Series, current and past.
    public var series = 0
    /// Segments that a repair set aside within the database.
    public var quarantinedSegments = 0
    /// Databases and journals that were set aside, not in use and safe to delete.
    public var leftovers: [Leftover] = []

    /// All that the store takes, without `leftovers`.
    public var totalBytes: Int64 { databaseBytes + walBytes + journalBytes }
}

/// Something found damaged.
public struct StoreDamage: Hashable, Sendable, CustomStringConvertible {
    /// Which part, such as `segment 5 of metric x`.
    public var place: String
    /// What is wrong with it.
    public var reason: String

    /// Place and reason.
    public var description: String { "\(place): \(reason)" }
}

/// What a verification read and found.
public struct StoreVerification: Hashable, Sendable {
    /// Segments read.
    public var segments = 0
    /// Samples decoded.
    public var samples = 0
    /// Whole frames of journals read.
    public var journalFrames = 0
    /// What is damaged; empty when all is well.
    public var damage: [StoreDamage] = []
    /// Whether everything was readable and whole.
    public var isSound: Bool { damage.isEmpty }
}

/// What a repair did.
public struct StoreRepair: Hashable, Sendable {
    /// Segments moved to the database's table `quarantine`.
    public var quarantined: [StoreDamage] = []
    /// Where the damaged database was kept, when it had to be written anew.
    public var keptAs: String?
    /// Where damaged journals were kept; what could be read of them is in the database.
    public var journals: [String] = []
    /// Segments that are whole, and in the database.
    public var rescuedSegments = 0
    /// Samples that queries lost, of the segments whose number of samples is known.
    public var lostSamples = 0
    /// Whether anything was damaged.
    public var isNeeded: Bool { !quarantined.isEmpty || keptAs != nil || !journals.isEmpty }
}

/// What a backup or a restore copied.
public struct StoreCopy: Hashable, Sendable {
    /// Files written.
    public var files: [String] = []
    /// Bytes written.
    public var bytes: Int64 = 0
    /// The names that what was there before has now; only of a restore.
    public var keptAs: [String] = []
}
