// SPDX-License-Identifier: Apache-2.0

import Linux
public import Model
import Synchronization
public import SystemPackage

/// Reads systemd's journal into a sink, on one thread: the lines of containers whose engine logs to
/// journald, and those of units. Sleeps until journald says that something was added.
///
/// What was stored is known twice: `cursorPath` has the entry to go on after, and each log's
/// checkpoint the entry of it that was stored last, so that after a kill at any moment each entry is
/// stored once.
public final class JournalTailing: Sendable {
    /// What the operator may choose.
    public struct Options: Sendable {
        /// Where the journal's files are; nil for the host's own.
        public var directory: String?
        /// The file that remembers up to where the journal was read.
        public var cursorPath = ""
        /// How far back the first reading goes, in milliseconds.
        public var history: Int64 = 30 * 86_400_000
        /// Entries read before what they say is stored.
        public var batch = 2048
        /// Nanoseconds after which a line that has begun is shown without its end.
        public var lineWait: Int64 = 2_000_000_000
        /// Milliseconds until a journal that cannot be read is tried again.
        public var retry: Int64 = 10_000

        /// The defaults.
        public init() {}
    }

    /// What was counted since the start.
    public struct Statistics: Hashable, Sendable {
        /// Entries read.
        public var entries: UInt64 = 0
        /// Times entries were removed before they were read.
        public var losses: UInt64 = 0
        /// Times the journal could not be read, or the sink refused.
        public var errors: UInt64 = 0
        /// Logs that had an entry lately.
        public var logs = 0

        /// All zero.
        public init() {}
    }

    struct Wanted {
        var containers: [String: JournaledContainer]?
        var units: [String] = []
        var isChanged = false
    }

    let sink: any LogSink
    let options: Options
    let report: @Sendable (String) -> Void
    let makeTransform: @Sendable (LogIdentity) -> (any LogTransform)?
    let relabel: @Sendable (LogIdentity) -> LogIdentity
    let wakeup: Wakeup
    private let wanted = Mutex(Wanted())
    private let seen = Mutex((statistics: Statistics(), counters: [String: LogCounters]()))
    private let stopping = Atomic<Bool>(false)

    /// Reading into `sink`; the other parts are those of `LogTailing`.
    public init(
        sink: any LogSink, options: Options,
        transform: @escaping @Sendable (LogIdentity) -> (any LogTransform)? = { _ in nil },
        relabel: @escaping @Sendable (LogIdentity) -> LogIdentity = { $0 },
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(Errno) {
        self.sink = sink
        self.options = options
        self.report = report
        makeTransform = transform
        self.relabel = relabel
        wakeup = try Wakeup()
    }

    /// Takes the containers there are. Nothing is read before the first call, because whose an entry
    /// is cannot be told.
    public func setContainers(_ containers: [JournaledContainer]) {
        let byID = Dictionary(containers.map { ($0.identity.id, $0) }) { first, _ in first }
        wanted.withLock {
            guard $0.containers != byID else { return }
            $0.containers = byID
            $0.isChanged = true
        }
        wakeup.wake()
    }

    /// Takes the patterns of the units whose entries are stored too.
    public func setUnits(_ patterns: [String]) {
        wanted.withLock {
            $0.units = patterns
            $0.isChanged = true
        }
        wakeup.wake()
    }

    /// Reads until `stop` is called. Blocks.
    public func run() {
        JournalLoop(self).run()
    }

    /// Ends `run` after what it is doing.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wakeup.wake()
    }

    /// What was counted.
    public var statistics: Statistics { seen.withLock { $0.statistics } }

    /// What a log has had since the start; nil for one that had nothing.
    public func counters(of id: String) -> LogCounters? { seen.withLock { $0.counters[id] } }

    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    /// What is wanted, if that has changed since the last call and all of it is known.
    func takeWanted() -> JournalOwners? {
        wanted.withLock {
            guard $0.isChanged, let containers = $0.containers else { return nil }
            $0.isChanged = false
            return JournalOwners(containers: containers, units: $0.units)
        }
    }

    func note(_ body: (inout Statistics) -> Void) { seen.withLock { body(&$0.statistics) } }

    func note(_ counters: LogCounters?, of id: String) {
        seen.withLock { $0.counters[id] = counters }
    }
}
