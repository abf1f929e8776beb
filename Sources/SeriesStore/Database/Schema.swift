// SPDX-License-Identifier: Apache-2.0

/// The database's layout and its versions.
///
///     target   what is measured, with the labels its series share
///     metric   a family: name, type, unit, help
///     series   a metric of a target, with the labels that set it apart
///     bucket   one row for each sealed stretch of ticks
///     timeline its lists of timestamps, each shared by all series that have it
///     segment  the values of one metric's series in one bucket, in parts of about 24 KiB; its id
///              is a `SegmentKey`, so that buckets are written and deleted as one stretch
///     quarantine  segments that `repair` found damaged
enum Schema {
    static let version = 6
    /// The oldest version that is brought up to this one; what is older is set aside.
    static let oldestMigrated = 4
    /// `ULGS`, in the header of every database of ours.
    static let applicationID = 0x554c_4753

    /// Pragmas that must come before the first table.
    private static let creation = """
        PRAGMA page_size = 4096;
        PRAGMA auto_vacuum = INCREMENTAL;
        """

    private static let connection = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA journal_size_limit = 16777216;
        PRAGMA cache_size = -1000;
        PRAGMA temp_store = MEMORY;
        PRAGMA cell_size_check = ON;
        """

    private static let tables = """
        CREATE TABLE target (id INTEGER PRIMARY KEY, labels BLOB NOT NULL UNIQUE,
                             last INTEGER NOT NULL DEFAULT 0,
                             last_5m INTEGER NOT NULL DEFAULT 0,
                             last_1h INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
                             unit TEXT NOT NULL, help TEXT NOT NULL);
        CREATE TABLE series (id INTEGER PRIMARY KEY, metric INTEGER NOT NULL,
                             target INTEGER NOT NULL, name TEXT NOT NULL, labels BLOB NOT NULL,
                             UNIQUE (target, metric, name, labels));
        CREATE TABLE bucket (id INTEGER PRIMARY KEY, tier INTEGER NOT NULL DEFAULT 0,
                             first INTEGER NOT NULL, last INTEGER NOT NULL,
                             section INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE timeline (id INTEGER PRIMARY KEY, times BLOB NOT NULL);
        CREATE TABLE segment (id INTEGER PRIMARY KEY, first INTEGER NOT NULL,
                              last INTEGER NOT NULL, samples INTEGER NOT NULL, data BLOB NOT NULL);
        CREATE TABLE quarantine (id INTEGER PRIMARY KEY, segment INTEGER NOT NULL,
                                 reason TEXT NOT NULL, data BLOB NOT NULL);
        CREATE INDEX bucket_last ON bucket (last);
        """

    /// What brings a database from the version before each of these up to it.
    private static let migrations: [Int64: String] = [
        // Until when the names of a target are needed by the samples of each tier.
        5: """
        ALTER TABLE target ADD COLUMN last_5m INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE target ADD COLUMN last_1h INTEGER NOT NULL DEFAULT 0;
        """,
        // Series are found in memory. Segments may have the format 3, which 5 does not read.
        6: "DROP INDEX IF EXISTS series_name",
    ]

    /// Brings a database up to this version, in one transaction.
    static func migrate(_ database: Database) throws(StoreError) {
        let found = try database.integer("PRAGMA user_version")
        guard found >= oldestMigrated, found < version else { return }
        try database.transaction { () throws(StoreError) in
            for step in (found + 1)...Int64(version) {
                try database.execute(migrations[step] ?? "")
                try database.execute("PRAGMA user_version = \(step)")
            }
        }
    }

    /// Checks that a database is one of ours, and of a version that can be read.
    static func check(_ database: Database, path: String) throws(StoreError) {
        try checkVersion(database, path: path)
        guard try database.integer("PRAGMA application_id") == applicationID,
            try database.integer("PRAGMA user_version") >= oldestMigrated
        else {
            throw .sqlite(doing: "check \(path)", code: 26, message: "not a series store")
        }
    }

    private static func checkVersion(_ database: Database, path: String) throws(StoreError) {
        let found = try database.integer("PRAGMA user_version")
        guard found <= version else {
            throw .newerSchema(path: path, found: Int(found), known: version)
        }
        guard found == 0 || found >= oldestMigrated else {
            throw .olderSchema(path: path, found: Int(found))
        }
    }

    /// Makes a new database, or checks one that exists.
    static func prepare(_ database: Database, path: String) throws(StoreError) {
        try checkVersion(database, path: path)
        let isNew = try database.integer("SELECT count(*) FROM sqlite_master") == 0
        if isNew { try database.execute(creation) }
        try database.execute(connection)
        guard isNew else {
            // Reads every page that leads to a table, so that damage shows now and not at noon.
            let check = try database.prepare("PRAGMA quick_check(1)")
            let verdict = try check.step() ? check.text(0) : "no answer"
            check.reset()
            guard verdict == "ok", try database.integer("PRAGMA application_id") == applicationID
            else { throw .sqlite(doing: "check \(path)", code: 11, message: verdict) }
            try migrate(database)
            return
        }
        try database.transaction { () throws(StoreError) in
            try database.execute(tables)
            try database.execute("PRAGMA application_id = \(applicationID)")
            try database.execute("PRAGMA user_version = \(version)")
        }
    }
}
