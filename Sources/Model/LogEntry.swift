// SPDX-License-Identifier: Apache-2.0

/// How serious a line says it is. The raw value is what the log store keeps.
public enum LogLevel: UInt8, Hashable, Comparable, CaseIterable, Sendable {
    /// Nothing in the line says so.
    case unknown = 0
    /// Finer than debug.
    case trace = 1
    /// For those who look for a mistake.
    case debug = 2
    /// Business as usual.
    case info = 3
    /// Something to look at.
    case warning = 4
    /// Something failed.
    case error = 5
    /// The program cannot go on.
    case fatal = 6

    /// The word people use.
    public var name: String {
        switch self {
        case .unknown: "unknown"
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warning: "warn"
        case .error: "error"
        case .fatal: "fatal"
        }
    }

    /// The level a word stands for, whatever its case; nil when it is none.
    public init?(word: String) {
        switch word.lowercased() {
        case "unknown": self = .unknown
        case "trace": self = .trace
        case "debug", "dbg": self = .debug
        case "info", "notice": self = .info
        case "warn", "warning": self = .warning
        case "error", "err": self = .error
        case "fatal", "critical", "crit", "panic", "alert", "emerg": self = .fatal
        default: return nil
        }
    }

    /// Orders by how serious it is.
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// What one entry of a log is: its line, or word of lines that are missing.
public struct LogEntry: Hashable, Sendable {
    /// Nanoseconds since the Unix epoch.
    public var timestamp: Int64
    /// Which output the line was written to.
    public var stream: LogStream
    /// How serious the line says it is.
    public var level: LogLevel
    /// Whether the line was too long for one entry and goes on in the next of its stream.
    public var isPartial: Bool
    /// Whether lines are missing here: `bytes` then says what is known of them, in our words.
    public var isGap: Bool
    /// The line as the container wrote it, without its newline. Untrusted.
    public var bytes: [UInt8]
    /// The entry's place among all of its container, from 0; -1 for what is not in the store.
    public var sequence: Int64
    /// Which of the logs of a query it came from.
    public var origin: Int

    /// An entry of these parts.
    public init(
        timestamp: Int64, stream: LogStream, level: LogLevel, isPartial: Bool = false,
        isGap: Bool = false, bytes: [UInt8], sequence: Int64 = -1, origin: Int = 0
    ) {
        self.timestamp = timestamp
        self.stream = stream
        self.level = level
        self.isPartial = isPartial
        self.isGap = isGap
        self.bytes = bytes
        self.sequence = sequence
        self.origin = origin
    }
}

extension LogEntry {
    /// A copy of what lies in memory.
    public init(_ view: LogEntryView) {
        self.init(
            timestamp: view.timestamp, stream: view.stream, level: view.level,
            isPartial: view.isPartial, isGap: view.isGap, bytes: [UInt8](view.bytes),
            sequence: view.sequence, origin: view.origin)
    }
}

/// An entry where it lies in memory, valid while it is looked at.
public struct LogEntryView {
    /// Nanoseconds since the Unix epoch.
    public var timestamp: Int64
    /// Which output the line was written to.
    public var stream: LogStream
    /// How serious the line says it is.
    public var level: LogLevel
    /// Whether the line goes on in the next entry of its stream.
    public var isPartial: Bool
    /// Whether lines are missing here.
    public var isGap: Bool
    /// The entry's place among all of its container; -1 for what is not in the store.
    public var sequence: Int64
    /// Which of the logs of a query it came from.
    public var origin: Int
    /// The line, without its newline. Untrusted.
    public var bytes: UnsafeRawBufferPointer

    /// A view of these parts.
    public init(
        timestamp: Int64, stream: LogStream, level: LogLevel, isPartial: Bool = false, isGap: Bool,
        sequence: Int64 = -1, origin: Int, bytes: UnsafeRawBufferPointer
    ) {
        self.timestamp = timestamp
        self.stream = stream
        self.level = level
        self.isPartial = isPartial
        self.isGap = isGap
        self.sequence = sequence
        self.origin = origin
        self.bytes = bytes
    }

    /// A view of an entry whose bytes are at hand.
    public init(_ entry: LogEntry, _ bytes: UnsafeRawBufferPointer) {
        self.init(
            timestamp: entry.timestamp, stream: entry.stream, level: entry.level,
            isPartial: entry.isPartial, isGap: entry.isGap, sequence: entry.sequence,
            origin: entry.origin, bytes: bytes)
    }
}

/// Up to where a log file has been read, in a form that recognises the file after a restart.
public struct LogCheckpoint: Hashable, Sendable {
    /// The file's device.
    public var device: UInt64 = 0
    /// The file's inode number, which may be used again after the file is gone.
    public var inode: UInt64 = 0
    /// A checksum of the file's first `headLength` bytes, to notice that.
    public var headHash: UInt64 = 0
    /// How many bytes `headHash` covers.
    public var headLength: UInt32 = 0
    /// The byte at which the first record of stdout stands that is not stored.
    public var stdoutOffset: UInt64 = 0
    /// The same for stderr: a long line of one stream may be unfinished while the other goes on.
    public var stderrOffset: UInt64 = 0
    /// The time of the newest entry stored, in nanoseconds.
    public var time = Int64.min

    /// The beginning of no file.
    public init() {}

    /// Where reading goes on.
    public var offset: UInt64 { min(stdoutOffset, stderrOffset) }

    /// Whether it says anything.
    public var isEmpty: Bool { inode == 0 }
}

/// Entries of one container on their way into the store, and up to where their file is then read.
public struct LogBatch: Sendable {
    /// One entry; its bytes are the next `length` of the batch's text.
    public struct Item: Sendable {
        /// Nanoseconds since the Unix epoch.
        public var timestamp: Int64
        /// Bytes of text.
        public var length: Int
        /// The output it was written to.
        public var stream: LogStream
        /// How serious it is.
        public var level: LogLevel
        /// Whether it goes on in the next entry of its stream.
        public var isPartial: Bool
        /// Whether it tells of missing lines.
        public var isGap: Bool
    }

    /// The entries in order.
    public private(set) var items: [Item] = []
    /// Their bytes, one after the other.
    public private(set) var text: [UInt8] = []
    /// Where reading goes on once the batch is stored.
    public var checkpoint = LogCheckpoint()

    /// An empty batch.
    public init() {}

    /// Whether it holds no entry.
    public var isEmpty: Bool { items.isEmpty }

    /// Adds an entry.
    public mutating func append(
        _ bytes: UnsafeRawBufferPointer, timestamp: Int64, stream: LogStream, level: LogLevel,
        isPartial: Bool = false, isGap: Bool = false
    ) {
        text.append(contentsOf: bytes)
        items.append(
            Item(
                timestamp: timestamp, length: bytes.count, stream: stream, level: level,
                isPartial: isPartial, isGap: isGap))
    }

    /// Adds an entry like another, with other bytes.
    public mutating func append(_ bytes: UnsafeRawBufferPointer, _ item: Item) {
        text.append(contentsOf: bytes)
        var item = item
        item.length = bytes.count
        items.append(item)
    }

    /// Removes the entries and keeps the memory.
    public mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
    }
}

/// A condition on the text of a line.
public struct LineFilter: Hashable, Sendable {
    /// How the text is looked for.
    public enum Kind: Hashable, Sendable {
        /// The bytes as they are.
        case substring
        /// The bytes as a whole word: what is before and after is no letter, digit or `_`.
        case word
        /// An expression of RE2 that matches some part.
        case pattern
    }

    /// How the text is looked for.
    public var kind: Kind
    /// What is looked for.
    public var text: String
    /// Whether upper and lower case are one.
    public var ignoresCase: Bool
    /// Whether lines without it are wanted.
    public var isInverted: Bool

    /// A condition of these parts.
    public init(
        _ kind: Kind, _ text: String, ignoresCase: Bool = false, isInverted: Bool = false
    ) {
        self.kind = kind
        self.text = text
        self.ignoresCase = ignoresCase
        self.isInverted = isInverted
    }
}

/// Which entries are asked for.
public struct LogQuery: Sendable {
    /// Which containers, by `id`, `name`, `engine`, `image` and their own labels.
    public var matchers: [Matcher] = []
    /// The first nanosecond wanted.
    public var start = Int64.min
    /// The last nanosecond wanted.
    public var end = Int64.max
    /// Which outputs; empty for both.
    public var streams: Set<LogStream> = []
    /// Which levels; empty for all. Gaps are always shown.
    public var levels: Set<LogLevel> = []
    /// Conditions that all hold.
    public var filters: [LineFilter] = []
    /// With lines around those wanted: how many. All entries are given then that are so near to one
    /// that may be wanted; whoever asks applies `filters`.
    public var context = 0
    /// For a container's id, the first sequence wanted: where an earlier query ended.
    public var from: [String: Int64] = [:]
    /// Whether the newest entries come first.
    public var backward = false
    /// Asked between blocks; true ends the query early.
    public var isCancelled: @Sendable () -> Bool = { false }

    /// Everything, oldest first.
    public init() {}
}
