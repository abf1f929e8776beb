// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model
import SystemPackage

/// The thread of `LogTailing`: which log is read when.
final class TailLoop {
    private let owner: LogTailing
    private let sink: any LogSink
    private let options: LogTailing.Options
    private let buffer = TailBuffer()
    private var batch = LogBatch()
    private var watches: DirectoryWatches
    private var logs: [String: TailedLog] = [:]
    /// Logs that have something to read, in turn.
    private var queue: [TailedLog] = []
    /// When a log is looked at even without an event, in monotonic nanoseconds.
    private var due: [String: Int64] = [:]
    private var wanted = LogTailing.Wanted()
    private var globs: [TailSource] = []
    private var rescanAt: Int64?
    private var reported: Set<String> = []

    private static let second: Int64 = 1_000_000_000
    /// Milliseconds in which events gather before they are looked at.
    private static let gather: Int64 = 10

    init(_ owner: LogTailing) throws(Errno) {
        self.owner = owner
        sink = owner.sink
        options = owner.options
        watches = try DirectoryWatches()
    }

    func run() {
        while !owner.isStopping {
            if let wanted = owner.takeWanted() {
                self.wanted = wanted
                rescan()
            }
            let now = Clock.monotonicNanoseconds()
            if let at = rescanAt, at <= now { rescan() }
            for (id, at) in due where at <= now { logs[id].map(enqueue) }
            if queue.isEmpty { wait(now) }
            take(watches.take())
            let round = queue
            queue.removeAll(keepingCapacity: true)
            for log in round where !owner.isStopping { step(log) }
        }
        for log in logs.values { try? sink.flush(log.source.identity) }
    }

    // MARK: Waiting

    private func wait(_ now: Int64) {
        buffer.release()
        batch = LogBatch()
        let next = min(due.values.min() ?? .max, rescanAt ?? .max)
        // Rounded up, so that nothing is looked for before its time.
        let pause = next == .max ? -1 : max(0, (next - now + 999_999) / 1_000_000)
        if owner.wakeup.wait(with: watches.descriptor, milliseconds: pause) { return }
        // Writers write in bursts: what comes within a moment is one reading.
        _ = owner.wakeup.wait(milliseconds: Self.gather)
    }

    private func take(_ changes: DirectoryWatches.Changes) {
        if changes.isLost {
            logs.values.forEach(enqueue)
            rescanAt = 0
        }
        if changes.isListChanged, rescanAt == nil {
            rescanAt = Clock.monotonicNanoseconds() + options.settle
        }
        for id in changes.unwatched {
            guard let log = logs[id] else { continue }
            log.isWatched = false
            enqueue(log)
        }
        guard !changes.keys.isEmpty else { return }
        let now = Clock.monotonicNanoseconds()
        let settle = options.settle + Int64(due.count) * 1_000_000
        for id in changes.keys {
            guard let log = logs[id], !log.isQueued else { continue }
            let next = log.lastRead + settle
            if next <= now { enqueue(log) } else { due[id] = min(due[id] ?? .max, next) }
        }
    }

    private func enqueue(_ log: TailedLog) {
        guard !log.isQueued else { return }
        log.isQueued = true
        queue.append(log)
    }

    // MARK: Which logs there are

    private func rescan() {
        rescanAt = nil
        let found = wanted.globs.map { $0.expand() }
        var sources = Dictionary(
            (wanted.sources + found.flatMap(\.sources)).map { ($0.identity.id, $0) }
        ) { first, _ in first }
        // Two containers never write one file; what names it first has it.
        var paths: Set<String> = []
        sources = sources.filter { paths.insert($0.value.path).inserted }
        let listed = watches.list(Set(found.flatMap(\.directories)))
        if listed.isNew { rescanAt = 0 }
        if !listed.isComplete { rescanAt = Clock.monotonicNanoseconds() + 10 * Self.second }
        for log in logs.values where sources[log.source.identity.id] == nil && !log.isGone {
            log.isGone = true
            enqueue(log)
        }
        for var source in sources.values {
            source.identity = owner.relabel(source.identity)
            add(source)
        }
        publish()
    }

    private func add(_ source: TailSource) {
        let id = source.identity.id
        if let log = logs[id], log.source.path == source.path {
            let hasChanged = log.source.hasEnded != source.hasEnded || log.isGone
            log.source = source
            log.isGone = false
            if hasChanged { enqueue(log) }
            return
        }
        if let before = logs[id] { watches.remove(path: before.source.path) }
        let log = TailedLog(source)
        logs[id] = log
        log.isWatched = watches.add(id, path: source.path)
        enqueue(log)
    }

    private func remove(_ log: TailedLog) {
        let id = log.source.identity.id
        watches.remove(path: log.source.path)
        logs[id] = nil
        due[id] = nil
        owner.note { $0.counters[id] = nil }
        publish()
    }

    // MARK: Reading

    /// One log's turn.
    private func step(_ log: TailedLog) {
        let id = log.source.identity.id
        log.isQueued = false
        due[id] = nil
        log.lastRead = Clock.monotonicNanoseconds()
        if !log.isWatched {
            log.isWatched = watches.add(id, path: log.source.path)
            if !log.isWatched { due[id] = log.lastRead + Self.second }
        }
        do {
            let tailer = try log.opened(sink, buffer, owner.makeTransform)
            batch.removeAll()
            let more = try tailer.read(into: &batch, quota: options.quota)
            try deliver(log)
            if more { enqueue(log) } else { try drained(log, tailer) }
        } catch {
            failed(log, error)
        }
        noteStatistics(log)
    }

    /// A log that has nothing new: makes what was read visible, and ends lines that wait too long.
    private func drained(_ log: TailedLog, _ tailer: FileTailer) throws {
        let id = log.source.identity.id
        let isOver = log.isGone || log.source.hasEnded
        if tailer.hasUnfinished {
            let wait = log.lineSince + options.lineWait
            if isOver || (log.lineSince > 0 && wait <= log.lastRead) {
                batch.removeAll()
                tailer.endUnfinished(into: &batch)
                try deliver(log)
            } else {
                if log.lineSince == 0 { log.lineSince = log.lastRead }
                due[id] = min(due[id] ?? .max, log.lineSince + options.lineWait)
            }
        }
        if !tailer.hasUnfinished { log.lineSince = 0 }
        try sink.flush(log.source.identity)
        if isOver {
            log.close()
            try sink.close(log.source.identity)
        } else if logs.count > options.descriptorBudget {
            tailer.release()
        }
        if log.isGone { remove(log) }
    }

    private func deliver(_ log: TailedLog) throws {
        log.transform(&batch)
        guard !batch.isEmpty else { return }
        try sink.append(batch, of: log.source.identity)
        log.count(batch)
        log.lineSince = 0
        let (id, counters) = (log.source.identity.id, log.counters)
        owner.note { $0.counters[id] = counters }
    }

    /// Goes back to what the sink has, and tries again.
    private func failed(_ log: TailedLog, _ error: any Error) {
        log.close()
        owner.note { $0.statistics.errors += 1 }
        let text = "tailing the log \(log.source.path): \(error)"
        if reported.count < 1000, reported.insert(text).inserted { owner.report(text) }
        if log.isGone, error is Errno {
            try? sink.close(log.source.identity)
            return remove(log)
        }
        due[log.source.identity.id] = Clock.monotonicNanoseconds() + Self.second
    }

    private func noteStatistics(_ log: TailedLog) {
        let new = log.takeStatistics()
        guard new != FileTailer.Statistics() else { return }
        owner.note {
            $0.statistics.rotations += new.rotations
            $0.statistics.truncations += new.truncations
            $0.statistics.damagedBytes += new.damagedBytes
            $0.statistics.losses += new.losses
        }
    }

    private func publish() {
        let (count, polled) = (logs.count, logs.values.count { !$0.isWatched })
        owner.note {
            $0.statistics.logs = count
            $0.statistics.polled = polled
        }
    }
}
