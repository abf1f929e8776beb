// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model

/// The rest of a log that the store does not have yet.
public struct UnstoredLog {
    /// Whose it is.
    public var identity: LogIdentity
    /// The first sequence that is not taken from the store.
    public var end: Int64
    /// Gives the lines that follow it, one by one, and then nil.
    public var next: () throws -> LogEntry?

    /// The rest of a log.
    public init(identity: LogIdentity, end: Int64, next: @escaping () throws -> LogEntry?) {
        self.identity = identity
        self.end = end
        self.next = next
    }
}

/// The lines somebody asks for, of several logs by time, and then those that come. Reads the
/// archive's files; the store's writer is not asked. Used by one thread.
public final class LogFeed {
    private let archive: LogArchive
    private let request: LogRequest
    private let matcher: LineMatcher
    private var cursor: MergedCursor?
    private var stored: LogEntry?
    private var unstored: [(log: UnstoredLog, entry: LogEntry?)] = []
    /// The first sequence of each log that `unstored` has.
    private var cuts: [String: Int64] = [:]
    /// What `origin` of the cursor's entries counts along.
    private var sources: [LogIdentity] = []
    private var ready: [LogLine] = []
    private var taken = 0
    private var windows: [String: ContextWindow] = [:]
    /// Up to where each log was listed when the cursor was made.
    private var ends: [String: Int64] = [:]
    private var resolveUntil: Int64 = 0
    private let changes: Changes?
    private var watched: [String: Int32] = [:]

    /// The logs it is of, as of now.
    public private(set) var logs: [LogIdentity]
    /// The first sequence not yet given, by the log's id: where a later feed goes on.
    public private(set) var positions: [String: Int64]

    /// Lines of all logs at most that `tail` of each may keep in memory.
    private static let maxTail = 1_000_000

    /// A feed of what is asked for; `others` is what the archive lacks of logs, or of whose it has
    /// nothing. Throws `LogNotFound`, and for expressions that are none.
    public init(
        _ request: LogRequest, in archive: LogArchive, others: [UnstoredLog] = []
    ) throws {
        self.archive = archive
        self.request = request
        matcher = try LineMatcher(request.query.filters)
        positions = request.query.from
        changes = request.isFollowing ? try? Changes() : nil
        logs = try request.resolve(in: archive, also: others.map(\.identity))
        if request.isFollowing { watch() }
        for log in logs { ends[log.id] = archive.position(of: log).end }
        for other in others where logs.contains(where: { $0.id == other.identity.id }) {
            cuts[other.identity.id] = other.end
            unstored.append((other, nil))
        }
        if let time = request.around {
            try readAround(time)
        } else if let tail = request.tail {
            try readTail(min(tail, Self.maxTail))
        } else {
            for i in unstored.indices { unstored[i].entry = try nextUnstored(i) }
            try open(logs, forward)
        }
    }

    /// Tells of changes; a class, because it may be absent and is not copied.
    private final class Changes {
        let inotify: Inotify
        init() throws { inotify = try Inotify() }
    }

    private var hasContext: Bool { request.before + request.after > 0 && request.around == nil }

    /// The query without what the feed does itself.
    private var forward: LogQuery {
        var query = request.query
        query.backward = false
        if hasContext {
            query.context = max(request.before, request.after)
            query.levels = []
        }
        for (id, position) in positions { query.from[id] = position }
        return query
    }

    /// The next line; nil when there are no more for now.
    public func next() throws -> LogLine? {
        while true {
            if taken < ready.count {
                defer { taken += 1 }
                return ready[taken]
            }
            ready.removeAll(keepingCapacity: true)
            taken = 0
            guard let line = try nextByTime() else { return nil }
            let entry = line.entry
            if entry.sequence >= 0 { positions[line.identity.id] = entry.sequence + 1 }
            guard hasContext else { return line }
            windows[
                line.identity.id,
                default: ContextWindow(before: request.before, after: request.after)
            ].take(line, matches: isWanted(entry, text: true), into: &ready)
        }
    }

    private func open(_ logs: [LogIdentity], _ query: LogQuery) throws {
        sources = logs
        cursor = logs.isEmpty ? nil : try archive.select(query, of: logs)
    }

    /// The earliest of what the store has next and what it lacks.
    private func nextByTime() throws -> LogLine? {
        while stored == nil, let cursor {
            guard let entry = try cursor.next() else {
                self.cursor = nil
                for (id, end) in ends { positions[id] = max(positions[id] ?? 0, end) }
                break
            }
            if let cut = cuts[sources[entry.origin].id], entry.sequence >= cut { continue }
            stored = entry
        }
        let first = unstored.indices.filter { unstored[$0].entry != nil }
            .min { time(unstored[$0].entry) < time(unstored[$1].entry) }
        if let first, let entry = unstored[first].entry, time(entry) < time(stored) {
            unstored[first].entry = try nextUnstored(first)
            return LogLine(entry, of: unstored[first].log.identity)
        }
        guard let entry = stored else { return nil }
        stored = nil
        return LogLine(entry, of: sources[entry.origin])
    }

    private func time(_ entry: LogEntry?) -> Int64 { entry?.timestamp ?? .max }

    /// The next wanted line that the store lacks of one log.
    private func nextUnstored(_ i: Int) throws -> LogEntry? {
        while let entry = try unstored[i].log.next() {
            if isWanted(entry, text: !hasContext) { return entry }
        }
        return nil
    }

    private func isWanted(_ entry: LogEntry, text: Bool) -> Bool {
        let query = request.query
        guard entry.timestamp >= query.start, entry.timestamp <= query.end else { return false }
        if entry.isGap { return true }
        guard query.streams.isEmpty || query.streams.contains(entry.stream) else { return false }
        guard text else { return true }
        return (query.levels.isEmpty || query.levels.contains(entry.level))
            && entry.bytes.withUnsafeBytes { matcher.matches($0) }
    }

    // MARK: The last lines

    /// Reads the last lines of each name, which is all of its containers one after the other.
    private func readTail(_ count: Int) throws {
        var query = forward
        query.backward = true
        query.context = 0
        query.levels = request.query.levels
        try readLast(count, query)
    }

    private func readAround(_ time: Int64) throws {
        var query = request.query
        (query.backward, query.end) = (true, min(query.end, time - 1))
        try readLast(request.before, query)
        query = request.query
        query.start = max(query.start, time)
        for group in groups {
            let cursor = try archive.select(query, of: group)
            var left = request.after
            while left > 0, let entry = try cursor.next() {
                ready.append(LogLine(entry, of: group[entry.origin]))
                left -= 1
            }
        }
        order()
        finishPositions()
    }

    private func readLast(_ count: Int, _ query: LogQuery) throws {
        for group in groups where count > 0 {
            let start = ready.count
            var rest: [LogLine] = []
            for i in unstored.indices where group.contains(unstored[i].log.identity) {
                while let entry = try nextUnstored(i), entry.timestamp <= query.end {
                    rest.append(LogLine(entry, of: unstored[i].log.identity))
                    if rest.count >= 2 * count { rest.removeFirst(rest.count - count) }
                }
            }
            rest.removeFirst(max(0, rest.count - count))
            let cursor = try archive.select(query, of: group)
            while ready.count - start + rest.count < count, ready.count < Self.maxTail,
                let entry = try cursor.next()
            {
                let log = group[entry.origin]
                if let cut = cuts[log.id], entry.sequence >= cut { continue }
                ready.append(LogLine(entry, of: log))
            }
            ready[start...].reverse()
            ready += rest
        }
        if request.around == nil {
            order()
            finishPositions()
        }
    }

    private var groups: [[LogIdentity]] {
        Dictionary(grouping: logs, by: \.name).sorted { $0.key < $1.key }.map(\.value)
    }

    /// Orders by time what is in order for each log; a clock that went back does not change that.
    private func order() {
        var latest: [String: Int64] = [:]
        let keyed = ready.enumerated().map { place, line in
            let time = max(line.entry.timestamp, latest[line.identity.name] ?? .min)
            latest[line.identity.name] = time
            return (time: time, place: place, line: line)
        }
        ready = keyed.sorted { ($0.time, $0.place) < ($1.time, $1.place) }.map(\.line)
    }

    private func finishPositions() {
        for (id, end) in ends { positions[id] = max(positions[id] ?? 0, end) }
        for line in ready {
            let id = line.identity.id
            positions[id] = max(positions[id] ?? 0, line.entry.sequence + 1)
        }
    }

    // MARK: Following

    /// Looks for lines that came since; whether `next` may have some.
    public func advance() throws -> Bool {
        guard request.isFollowing else { return false }
        guard cursor == nil else { return true }
        guard hasChanged() else { return false }
        let now = Clock.monotonicNanoseconds()
        if now < resolveUntil || watched.isEmpty {
            logs = try request.resolve(in: archive)
            watch()
        }
        var grown: [LogIdentity] = []
        for log in logs {
            let end = archive.position(of: log).end
            ends[log.id] = end
            if end > positions[log.id] ?? 0 { grown.append(log) }
        }
        guard !grown.isEmpty else { return false }
        try open(grown, forward)
        return true
    }

    /// Waits until something may have come, at most so long.
    public func wait(milliseconds: Int32) {
        var poll = pollfd(
            fd: changes?.inotify.descriptor.raw ?? -1, events: Int16(POLLIN), revents: 0)
        _ = Glibc.poll(&poll, 1, milliseconds)
    }

    private func hasChanged() -> Bool {
        guard changes != nil else { return true }
        let root = watched[archive.path]
        var (isChanged, isNew) = (false, false)
        changes?.inotify.drain { event in
            isChanged = true
            if event.overflowed || event.watch == root { isNew = true }
        }
        let now = Clock.monotonicNanoseconds()
        // A log's directory is there a moment before it says whose it is.
        if isNew { resolveUntil = now + 2_000_000_000 }
        return isChanged || now < resolveUntil || watched.isEmpty
    }

    private func watch() {
        let mask = Int32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)
        for path in [archive.path] + logs.map(archive.directory) where watched[path] == nil {
            if let watch = try? changes?.inotify.watch(path, mask) { watched[path] = watch }
        }
    }
}
