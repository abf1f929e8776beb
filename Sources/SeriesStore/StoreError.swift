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
        }
    }

    /// Whether the file is damaged or no database at all.
    var isCorruption: Bool {
        guard case .sqlite(_, let code, _) = self else { return false }
        return code & 0xff == 11 || code & 0xff == 26  // SQLITE_CORRUPT, SQLITE_NOTADB
    }
}
