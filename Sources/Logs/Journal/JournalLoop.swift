// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model
import SystemPackage

/// The thread of `JournalTailing`.
final class JournalLoop {
    private let owner: JournalTailing
    private let sink: any LogSink
    private let options: JournalTailing.Options
    private var owners = JournalOwners()
    private var logs: [JournalOwners.Owner: JournaledLog] = [:]
    private var touched: [JournalOwners.Owner] = []
    private var entry = JournalEntry()
    /// The entry read last, and the one the file has.
    private var cursor = ""
    private var savedCursor = ""
    /// What is said in each log that was there before entries were lost.
    private var loss: String?
    private var reported: Set<String> = []

    private static let second: Int64 = 1_000_000_000
    /// Nanoseconds without an entry after which a log is forgotten, and logs known at most.
    private static let idle: Int64 = 600 * second
    private static let maxLogs = 2000
    /// Entries after which the journal is opened anew.
    private static let reopening = 50_000

    init(_ owner: JournalTailing) {
        self.owner = owner
        sink = owner.sink
        options = owner.options
    }

    func run() {
        while !owner.isStopping {
            guard takeWanted() else {
                _ = owner.wakeup.wait(milliseconds: -1)
                continue
            }
            do { try follow() } catch {
                // What was read and not stored is read again.
                logs = [:]
                touched = []
                owner.note { $0.errors += 1 }
                tell("reading the journal: \(error)")
                if case .noLibrary? = error as? JournalError { return }
                pause(milliseconds: error is JournalError ? options.retry : 1000)
            }
        }
        for log in logs.values { try? sink.flush(log.identity) }
    }

    /// Reports a thing that is wrong, once.
    private func tell(_ text: String) {
        if reported.count < 1000, reported.insert(text).inserted { owner.report(text) }
    }

    private func pause(milliseconds: Int64) {
        let end = Clock.monotonicNanoseconds() + milliseconds * 1_000_000
        while !owner.isStopping {
            let left = end - Clock.monotonicNanoseconds()
            guard left > 0 else { return }
            _ = owner.wakeup.wait(milliseconds: left / 1_000_000 + 1)
        }
    }

    private var isKnown = false

    private func takeWanted() -> Bool {
        guard let new = owner.takeWanted() else { return isKnown }
        isKnown = true
        owners = new
        for (key, log) in logs {
            if case .container(let id) = key, let known = owners.containers[id] {
                log.identity = owner.relabel(known.identity)
            } else {
                log.identity = owner.relabel(log.identity)
            }
        }
        return true
    }

    // MARK: Reading

    private func follow() throws {
        let reader = try JournalReader(
            directory: options.directory, limit: LineAssembler.maxLine + 64)
        if let path = JournalFiles.refused(in: options.directory) {
            tell(
                "the journal \(path) may not be read by this user: make it a member of the group "
                    + "systemd-journal, or set logs.journal to none")
        }
        var isFirst = try resume(reader)
        var taken = 0
        // The library keeps what it read mapped: after so many entries the journal is opened anew,
        // where no line waits for its end.
        while !owner.isStopping, taken < Self.reopening || cursor != savedCursor {
            _ = takeWanted()
            try reader.takeChanges()
            var count = 0
            while count < options.batch, try isFirst || reader.next() {
                isFirst = false
                count += 1
                try take(reader)
            }
            try deliver()
            taken += count
            if count < options.batch { try wait(reader) }
        }
    }

    /// Goes to where reading goes on. Whether the present entry is the first to take.
    private func resume(_ reader: JournalReader) throws -> Bool {
        loss = nil
        cursor = Self.read(options.cursorPath)
        savedCursor = cursor
        guard !cursor.isEmpty else {
            let now = Clock.realtimeMilliseconds()
            try reader.seek(time: UInt64(max(0, now - options.history)) * 1000)
            return false
        }
        try reader.seek(cursor: cursor)
        guard try reader.next() else { return false }
        if reader.isAt(cursor: cursor) { return false }
        let (before, after) = (JournalPosition(cursor), JournalPosition(try reader.cursor()))
        if before.source == after.source {
            guard after.number > before.number + 1 else { return after.number > before.number }
            loss =
                "\(after.number - before.number - 1) entries of the journal were removed before "
                + "they were read: some may be missing here"
        } else {
            loss = "the journal was removed: entries may be missing here"
        }
        for log in logs.values { loss.map(log.noteLoss) }
        owner.note { $0.losses += 1 }
        return true
    }

    private func take(_ reader: JournalReader) throws {
        do { try entry.read(reader) } catch {
            // One entry that is damaged; those after it may be whole.
            owner.note { $0.errors += 1 }
            return
        }
        let before = cursor
        cursor = entry.cursor
        owner.note { $0.entries += 1 }
        guard let key = owners.owner(of: entry), entry.bytes(.message) != nil else { return }
        let log = try log(key)
        var isContainer = false
        if case .container = key { isContainer = true }
        log.lastRead = Clock.monotonicNanoseconds()
        if log.batch.isEmpty { touched.append(key) }
        log.take(entry, isContainer: isContainer, before: before)
    }

    private func log(_ key: JournalOwners.Owner) throws -> JournaledLog {
        if let known = logs[key] { return known }
        let identity = owner.relabel(owners.identity(of: key, entry))
        let made = JournaledLog(
            identity, try sink.checkpoint(of: identity), owner.makeTransform(identity))
        if let loss { made.noteLoss(loss) }
        logs[key] = made
        return made
    }

    // MARK: Storing

    /// Stores what was read, then notes up to where that is.
    private func deliver() throws {
        for key in touched {
            guard let log = logs[key] else { continue }
            try log.deliver(to: sink)
            owner.note(log.counters, of: log.identity.id)
            try sink.flush(log.identity)
        }
        touched = []
        let held = logs.values.compactMap { log in log.firstHeld.map { ($0, log.heldCursor) } }
            .min { $0.0 < $1.0 }
        try save(held?.1 ?? cursor)
    }

    private func save(_ cursor: String) throws {
        guard cursor != savedCursor, !cursor.isEmpty else { return }
        try Self.write(cursor, options.cursorPath)
        savedCursor = cursor
    }

    /// Sleeps until something was added, or a line has waited long enough for its end.
    private func wait(_ reader: JournalReader) throws {
        let now = Clock.monotonicNanoseconds()
        var next = Int64.max
        for (key, log) in logs {
            guard log.hasUnfinished else {
                log.lineSince = 0
                if now - log.lastRead > Self.idle || logs.count > Self.maxLogs {
                    try sink.close(log.identity)
                    logs[key] = nil
                    if owners.containers[log.identity.id] == nil {
                        owner.note(nil, of: log.identity.id)
                    }
                }
                continue
            }
            if log.lineSince == 0 { log.lineSince = now }
            if now - log.lineSince >= options.lineWait {
                log.endUnfinished()
                log.lineSince = 0
                touched.append(key)
            } else {
                next = min(next, log.lineSince + options.lineWait)
            }
        }
        if !touched.isEmpty { return try deliver() }
        let count = logs.count
        owner.note { $0.logs = count }
        let pause = next == .max ? -1 : max(0, (next - now + 999_999) / 1_000_000)
        _ = owner.wakeup.wait(with: reader.descriptor, milliseconds: pause)
    }

    // MARK: The cursor's file

    private static func read(_ path: String) -> String {
        guard let file = try? OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW) else {
            return ""
        }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(file.raw, &bytes, bytes.count)
        guard count > 0 else { return "" }
        return String(decoding: bytes[..<count].prefix { $0 > 0x20 && $0 < 0x7f }, as: UTF8.self)
    }

    /// Replaces the file whole, so that a kill leaves the one or the other.
    private static func write(_ cursor: String, _ path: String) throws(Errno) {
        let new = path + ".new"
        do {
            let file = try OwnedDescriptor(
                opening: new, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o640)
            let bytes = Array((cursor + "\n").utf8)
            let count = Glibc.write(file.raw, bytes, bytes.count)
            guard count == bytes.count else {
                throw count < 0 ? Errno(rawValue: errno) : .noSpace
            }
        }
        guard rename(new, path) == 0 else { throw Errno(rawValue: errno) }
    }
}
