// SPDX-License-Identifier: Apache-2.0

import Glibc
public import SystemPackage

/// Why a journal cannot be read.
public enum JournalError: Error, CustomStringConvertible, Sendable {
    /// This host has no libsystemd.
    case noLibrary
    /// A call of the library failed.
    case call(String, Errno)

    /// What to tell a person.
    public var description: String {
        switch self {
        case .noLibrary:
            "libsystemd.so.0 is not on this host: install systemd's library (libsystemd0), or set "
                + "logs.journal to none"
        case .call(let doing, let errno): "\(doing): \(errno)"
        }
    }
}

/// Reads the entries of systemd's journal, oldest first, and waits for more. Used by one thread.
public final class JournalReader {
    /// The bytes of one field, valid until the next call.
    public typealias Bytes = UnsafeRawBufferPointer

    private let library: SystemdLibrary
    private let journal: SystemdLibrary.Journal

    /// Opens the host's journal, or the files in a directory and in the directories in it. Bytes of
    /// a field after `limit` may be left out.
    public init(directory: String? = nil, limit: Int) throws(JournalError) {
        guard let library = SystemdLibrary.shared else { throw .noLibrary }
        self.library = library
        var opened: SystemdLibrary.Journal?
        let code =
            if let directory { library.openDirectory(&opened, directory, 0) } else {
                library.open(&opened, SystemdLibrary.localOnly)
            }
        let doing = "opening the journal" + (directory.map { " in " + $0 } ?? "")
        guard code >= 0, let opened else { throw Self.error(doing, code) }
        journal = opened
        do {
            // Asked for first, so that what is added from now on is told.
            try check("watching the journal", library.descriptor(journal))
            try check("setting a limit for fields", library.setDataThreshold(journal, limit))
        } catch {
            library.close(journal)
            throw error
        }
    }

    deinit { library.close(journal) }

    /// Readable when something has changed; then `takeChanges` is to be called.
    public var descriptor: Int32 { library.descriptor(journal) }

    /// Takes note of what has changed: files that came and went, entries that were added.
    public func takeChanges() throws(JournalError) {
        try check("looking for changes of the journal", library.process(journal))
    }

    /// Goes before the first entry.
    public func seekHead() throws(JournalError) {
        try check("going to the journal's beginning", library.seekHead(journal))
    }

    /// Goes before the first entry that is not older, in microseconds since the epoch.
    public func seek(time: UInt64) throws(JournalError) {
        try check("going to a time in the journal", library.seekTime(journal, time))
    }

    /// Goes before the entry of a cursor, or the first after where it was.
    public func seek(cursor: String) throws(JournalError) {
        try check("going to a cursor in the journal", library.seekCursor(journal, cursor))
    }

    /// Whether the present entry is the cursor's.
    public func isAt(cursor: String) -> Bool { library.testCursor(journal, cursor) > 0 }

    /// Goes to the next entry; false when there is none (yet).
    public func next() throws(JournalError) -> Bool {
        try check("reading the journal", library.next(journal)) > 0
    }

    /// What the present entry is found by again.
    public func cursor() throws(JournalError) -> String {
        var text: UnsafeMutablePointer<CChar>?
        try check("asking for a cursor", library.cursor(journal, &text))
        defer { free(text) }
        return text.map { String(cString: $0) } ?? ""
    }

    /// When journald took the present entry, in microseconds since the epoch.
    public func time() throws(JournalError) -> UInt64 {
        var time: UInt64 = 0
        try check("asking for an entry's time", library.realtime(journal, &time))
        return time
    }

    /// Calls `body` with each field of the present entry: `NAME=value`.
    public func forEachField(_ body: (Bytes) -> Void) throws(JournalError) {
        library.restartData(journal)
        while true {
            var data: UnsafeRawPointer?
            var count = 0
            let found = library.enumerateData(journal, &data, &count)
            guard try check("reading an entry of the journal", found) > 0 else { return }
            body(Bytes(start: data, count: count))
        }
    }

    @discardableResult
    private func check(_ doing: String, _ code: Int32) throws(JournalError) -> Int32 {
        guard code >= 0 else { throw Self.error(doing, code) }
        return code
    }

    private static func error(_ doing: String, _ code: Int32) -> JournalError {
        .call(doing, Errno(rawValue: -code))
    }
}
