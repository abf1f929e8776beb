// SPDX-License-Identifier: Apache-2.0

import CSQLite

/// One SQLite connection. Used by one thread at a time.
final class Database {
    private let handle: OpaquePointer
    private var statements: [String: Statement] = [:]

    /// Opens or makes a database.
    init(path: String, readOnly: Bool = false) throws(StoreError) {
        var handle: OpaquePointer?
        let flags =
            readOnly
            ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let handle else {
            let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(handle)
            throw .sqlite(doing: "open \(path)", code: code, message: message)
        }
        self.handle = handle
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 5000)
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Runs statements that give no rows.
    func execute(_ sql: String) throws(StoreError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(sql, code) }
    }

    /// A statement that is prepared once and kept.
    func prepare(_ sql: String) throws(StoreError) -> Statement {
        if let known = statements[sql] {
            known.reset()
            return known
        }
        var raw: OpaquePointer?
        let code = sqlite3_prepare_v3(
            handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &raw, nil)
        guard code == SQLITE_OK, let raw else { throw error(sql, code) }
        let statement = Statement(raw, database: self, sql: sql)
        statements[sql] = statement
        return statement
    }

    /// The first column of the first row as a number; the arguments are bound in order. Statements
    /// are kept, so numbers are bound and never part of the text.
    func integer(_ sql: String, _ arguments: Int64...) throws(StoreError) -> Int64 {
        let statement = try prepare(sql)
        defer { statement.reset() }
        for (index, one) in arguments.enumerated() { statement.bind(Int32(index) + 1, one) }
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The first column of the first row as text.
    func text(_ sql: String) throws(StoreError) -> String {
        let statement = try prepare(sql)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : ""
    }

    /// Keeps every other process from the database while this connection is open. Throws `inUse`
    /// when one has it open already: in WAL mode each holds a lock for as long as it is connected.
    func lockExclusively(_ path: String) throws(StoreError) {
        sqlite3_busy_timeout(handle, 200)
        do {
            try execute("PRAGMA locking_mode = EXCLUSIVE")
            _ = try integer("SELECT count(*) FROM sqlite_master")
            try execute("BEGIN EXCLUSIVE")
            try execute("COMMIT")
        } catch {
            guard error.isBusy else { throw error }
            throw .inUse(path: path)
        }
    }

    /// Copies the database, as of one instant, to a new file.
    func copy(to path: String) throws(StoreError) {
        let target = try Database(path: path)
        guard let backup = sqlite3_backup_init(target.handle, "main", handle, "main") else {
            throw target.error("copy to \(path)", SQLITE_ERROR)
        }
        // All pages in one step: writers go on in the write-ahead log meanwhile.
        let code = sqlite3_backup_step(backup, -1)
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else { throw target.error("copy to \(path)", code) }
        // The copy says WAL mode in its header; without one it is a single file.
        try target.execute("PRAGMA journal_mode = DELETE")
    }

    /// Runs `body` in a transaction, which is taken back when it throws.
    func transaction(_ body: () throws(StoreError) -> Void) throws(StoreError) {
        try execute("BEGIN IMMEDIATE")
        do {
            try body()
            try execute("COMMIT")
        } catch {
            try? execute("ROLLBACK")
            throw error
        }
    }

    /// Moves what is in the write-ahead log into the file, and empties it unless somebody reads.
    func checkpoint() throws(StoreError) { try execute("PRAGMA wal_checkpoint(TRUNCATE)") }

    /// Bytes of the file that are in use.
    func usedBytes() throws(StoreError) -> Int64 {
        let pages = try integer("PRAGMA page_count") - integer("PRAGMA freelist_count")
        return try pages * integer("PRAGMA page_size")
    }

    /// The row that the last insert made.
    var lastInserted: Int64 { sqlite3_last_insert_rowid(handle) }

    fileprivate func error(_ doing: String, _ code: Int32) -> StoreError {
        .sqlite(
            doing: "run `\(doing.prefix(80))`", code: sqlite3_extended_errcode(handle),
            message: String(cString: sqlite3_errmsg(handle)))
    }
}

/// A prepared statement. Valid while its database is.
final class Statement {
    private let raw: OpaquePointer
    private unowned let database: Database
    private let sql: String

    fileprivate init(_ raw: OpaquePointer, database: Database, sql: String) {
        self.raw = raw
        self.database = database
        self.sql = sql
    }

    deinit { sqlite3_finalize(raw) }

    /// Makes the statement ready to run again.
    func reset() {
        sqlite3_reset(raw)
        sqlite3_clear_bindings(raw)
    }

    /// Goes to the next row; whether there is one.
    func step() throws(StoreError) -> Bool {
        switch sqlite3_step(raw) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            let failure = database.error(sql, code)
            reset()
            throw failure
        }
    }

    /// Runs to the end and makes the statement ready again.
    func run() throws(StoreError) {
        while try step() {}
        reset()
    }

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(raw, index, value) }

    func bind(_ index: Int32, _ value: String) {
        sqlite3_bind_text(
            raw, index, value, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
    }

    func bind(_ index: Int32, _ value: [UInt8]) {
        // -1 is SQLITE_TRANSIENT: SQLite copies the bytes. The macro does not import.
        _ = value.withUnsafeBytes {
            sqlite3_bind_blob64(
                raw, index, $0.baseAddress, UInt64($0.count),
                unsafeBitCast(-1, to: sqlite3_destructor_type.self))
        }
    }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(raw, column) }

    func text(_ column: Int32) -> String {
        sqlite3_column_text(raw, column).map { String(cString: $0) } ?? ""
    }

    /// The bytes of a column, valid until the next step.
    func withBlob<R>(_ column: Int32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let start = sqlite3_column_blob(raw, column)
        return body(
            UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, column))))
    }

    /// Columns of a row.
    var columns: Int32 { sqlite3_column_count(raw) }

    /// Binds the value of a column of another statement's row.
    func bind(_ index: Int32, columnOf other: Statement, _ column: Int32) {
        sqlite3_bind_value(raw, index, sqlite3_column_value(other.raw, column))
    }

    func blob(_ column: Int32) -> [UInt8] { withBlob(column) { Array($0) } }
}
