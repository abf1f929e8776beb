// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model
import Synchronization
public import SystemPackage

/// Tails all logs of a host into a sink, on one thread: sleeps until the kernel says that a file
/// has changed, and then gives each log that has something new an equal share.
///
/// What the sink does not take (a full disk) is read again later from the container's own file, so
/// that a standstill costs no memory. A log that is written all the time is read ten times a
/// second, less often when there are many.
public final class LogTailing: Sendable {
    /// What the operator may choose.
    public struct Options: Sendable {
        /// Bytes read of one log before it is another's turn.
        public var quota = 256 << 10
        /// Nanoseconds between two readings of one log.
        public var settle: Int64 = 100_000_000
        /// Nanoseconds after which a line that has begun is shown without its end.
        public var lineWait: Int64 = 2_000_000_000
        /// Files kept open, so that what is written before they are removed is not missed.
        public var descriptorBudget = 1000

        /// The defaults.
        public init() {}
    }

    /// What was counted since the start.
    public struct Statistics: Hashable, Sendable {
        /// Logs known.
        public var logs = 0
        /// Logs whose directory cannot be watched and which are looked at each second instead.
        public var polled = 0
        /// Times a log went on in another file.
        public var rotations: UInt64 = 0
        /// Times a file was cut off.
        public var truncations: UInt64 = 0
        /// Bytes that were no records.
        public var damagedBytes: UInt64 = 0
        /// Times the file read last was gone before it was read to its end.
        public var losses: UInt64 = 0
        /// Times a log could not be opened, or the sink refused.
        public var errors: UInt64 = 0

        /// All zero.
        public init() {}
    }

    struct Wanted {
        var sources: [TailSource] = []
        var globs: [LogFileGlob] = []
        var isChanged = false
    }

    struct Seen {
        var statistics = Statistics()
        var counters: [String: LogCounters] = [:]
    }

    let sink: any LogSink
    let options: Options
    let report: @Sendable (String) -> Void
    let makeTransform: @Sendable (LogIdentity) -> (any LogTransform)?
    let relabel: @Sendable (LogIdentity) -> LogIdentity
    let wakeup: Wakeup
    private let wanted = Mutex(Wanted())
    private let seen = Mutex(Seen())
    private let stopping = Atomic<Bool>(false)

    /// Tailing into `sink`; `transform` makes what is done to a log's lines, when it is opened;
    /// `relabel` gives a log more labels, and is asked whenever the list of logs changes; `report` is told once of each thing that is wrong.
    public init(
        sink: any LogSink, options: Options = Options(),
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

    /// Takes the complete list of containers' logs. One that is no longer in it is read to its end.
    public func setSources(_ sources: [TailSource]) {
        wanted.withLock {
            guard $0.sources != sources else { return }
            $0.sources = sources
            $0.isChanged = true
        }
        wakeup.wake()
    }

    /// Takes the patterns of plain files, and looks at all logs anew.
    public func setFiles(_ globs: [LogFileGlob]) {
        wanted.withLock {
            $0.globs = globs
            $0.isChanged = true
        }
        wakeup.wake()
    }

    /// Tails until `stop` is called. Blocks.
    public func run() throws(Errno) {
        let loop = try TailLoop(self)
        loop.run()
    }

    /// Ends `run` after what it is doing.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        wakeup.wake()
    }

    /// What was counted.
    public var statistics: Statistics { seen.withLock { $0.statistics } }

    /// What a log has had since the start; nil for one that is not tailed.
    public func counters(of id: String) -> LogCounters? { seen.withLock { $0.counters[id] } }

    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    func takeWanted() -> Wanted? {
        wanted.withLock {
            guard $0.isChanged else { return nil }
            $0.isChanged = false
            return $0
        }
    }

    func note(_ body: (inout Seen) -> Void) {
        seen.withLock { body(&$0) }
    }
}
