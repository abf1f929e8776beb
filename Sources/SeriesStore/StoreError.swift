// SPDX-License-Identifier: Apache-2.0

/// Why the series store could not do something.
public enum StoreError: Error, CustomStringConvertible, Sendable {
    /// SQLite refused: what was being done, its result code, its words.
    case sqlite(doing: String, code: Int32, message: String)
    /// The database was written by a newer version; it was not touched.
    case newerSchema(path: String, found: Int, known: Int)
    /// The database was written before the format was fixed; it is set aside.
    case olderSchema(path: String, found: Int)
    /// The directory cannot be used.
    case directory(path: String, reason: String)
    /// The store holds as many series as it may.
    case tooManySeries(limit: Int)
    /// The store has had as many metric names as there are numbers for.
    case tooManyMetrics(limit: Int)
    /// A series was registered for a target that was retired.
    case unknownTarget
    /// The database is open in another process, which has to end first.
    case inUse(path: String)
    /// The file system has no room to move samples into the database.
    case noRoom(path: String)
    /// Nothing can be read of the database.
    case beyondRepair(path: String, reason: String)
    /// The destination of a backup or restore cannot be used.
    case destination(path: String, reason: String)

    /// What happened, and what can be done.
    public var description: String {
        switch self {
        case .sqlite(let doing, let code, let message):
            "cannot \(doing): \(message) (SQLite code \(code))"
        case .newerSchema(let path, let found, let known):
            "\(path) was written by a newer version of Ullage (schema \(found), this one knows "
                + "\(known)): upgrade, or give this version its own --data-dir"
        case .olderSchema(let path, let found):
            "\(path) has the format of an early version (schema \(found)), which this one does not "
                + "read: it is kept beside the new database"
        case .directory(let path, let reason):
            "cannot use \(path) for the series store: \(reason)"
        case .tooManySeries(let limit):
            "the store holds \(limit) series, which is store.max_series: raise it, or export "
                + "fewer container labels"
        case .tooManyMetrics(let limit):
            "the store has had \(limit) metric names, as many as it can number: give what invents "
                + "names a label instead"
        case .unknownTarget: "the target was retired; ask for it again"
        case .inUse(let path):
            "\(path) is in use: stop the agent first"
        case .noRoom(let path):
            "the file system of \(path) is full: new samples are kept in memory only, the least "
                + "valuable first; they are stored when there is room again"
        case .beyondRepair(let path, let reason):
            "nothing can be read of \(path) (\(reason)): restore a backup, or start the agent, which "
                + "sets the file aside, begins another and keeps what the journals have"
        case .destination(let path, let reason):
            "cannot use \(path): \(reason)"
        }
    }

    /// Whether another process is in the way.
    var isBusy: Bool {
        guard case .sqlite(_, let code, _) = self else { return false }
        return code & 0xff == 5 || code & 0xff == 6  // SQLITE_BUSY, SQLITE_LOCKED
    }

    /// Whether the file is damaged or no database at all.
    var isCorruption: Bool {
        guard case .sqlite(_, let code, _) = self else { return false }
        return code & 0xff == 11 || code & 0xff == 26  // SQLITE_CORRUPT, SQLITE_NOTADB
    }
}
