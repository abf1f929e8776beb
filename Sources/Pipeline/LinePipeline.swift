// SPDX-License-Identifier: Apache-2.0

import Matching
public import Model
import Synchronization

/// What a configuration says of one log's lines, done to them on their way into the store. Used by
/// one thread.
public final class LinePipeline: LogTransform {
    /// What was done.
    public struct Counts: Hashable, Sendable {
        /// Entries left out by `keep` and `drop`.
        public var dropped = 0
        /// Entries over the rate limit.
        public var limited = 0
        /// Secrets made unreadable.
        public var redacted = 0
        /// Entries in which a field that was wanted was not found.
        public var unparsed = 0

        /// All zero.
        public init() {}
    }

    /// What all pipelines together did, for metrics.
    public final class Tally: Sendable {
        private let sum = Mutex(Counts())

        /// All zero.
        public init() {}

        /// What was done.
        public var counts: Counts { sum.withLock { $0 } }

        fileprivate func add(_ new: Counts, since old: Counts) {
            guard new != old else { return }
            sum.withLock {
                $0.dropped += new.dropped - old.dropped
                $0.limited += new.limited - old.limited
                $0.redacted += new.redacted - old.redacted
                $0.unparsed += new.unparsed - old.unparsed
            }
        }
    }

    private let options: PipelineOptions
    private let tally: Tally?
    private var joiner: LineJoiner?
    private let finder: FieldFinder?
    private let keep: [BytePattern]
    private let drop: [BytePattern]
    private let redactor: Redactor?
    private var limit: RateLimit?
    /// What was done since it was made.
    public private(set) var counts = Counts()

    /// A pipeline that adds what it does to a tally. Throws `PatternError` for an expression that
    /// cannot be used.
    public init(_ options: PipelineOptions, tally: Tally? = nil) throws {
        self.options = options
        self.tally = tally
        joiner = try options.multiline.map { try LineJoiner($0) }
        finder = try options.parser.map { try FieldFinder($0) }
        keep = try options.keep.map { try BytePattern($0) }
        drop = try options.drop.map { try BytePattern($0) }
        redactor = options.redact.isEmpty ? nil : try Redactor(options.redact)
        limit = options.rateLimit.map { RateLimit(perSecond: $0) }
    }

    /// See `LogTransform`.
    public var joinsLines: Bool { joiner != nil }

    /// See `LogTransform`.
    public func continues(_ line: UnsafeRawBufferPointer, _ stream: LogStream) -> Bool {
        joiner?.continues(line, stream) ?? false
    }

    /// See `LogTransform`.
    public func apply(_ batch: borrowing LogBatch, into output: inout LogBatch) {
        let before = counts
        defer { tally?.add(counts, since: before) }
        batch.text.withUnsafeBytes { text in
            var at = 0
            for i in 0..<batch.items.count {
                let item = batch.items[i]
                let line = UnsafeRawBufferPointer(rebasing: text[at..<(at + item.length)])
                at += item.length
                if item.isGap {
                    output.append(line, item)
                } else {
                    take(line, item, &output)
                }
            }
        }
        output.checkpoint = batch.checkpoint
    }

    private func take(
        _ line: UnsafeRawBufferPointer, _ original: LogBatch.Item, _ output: inout LogBatch
    ) {
        var item = original
        let message = parse(line, &item)
        let body = message?.withUnsafeBytes { isWanted($0) } ?? isWanted(line)
        guard body else {
            counts.dropped += 1
            return
        }
        if limit != nil {
            let isPassing = limit?.passes(item.timestamp) ?? true
            if let left = limit?.summary(at: item.timestamp) { tell(left, item, &output) }
            guard isPassing else {
                counts.limited += 1
                return
            }
        }
        if let message {
            message.withUnsafeBytes { store($0, item, &output) }
        } else {
            store(line, item, &output)
        }
    }

    /// Sets level and time from fields; gives the field that replaces the line, if one does.
    private func parse(_ line: UnsafeRawBufferPointer, _ item: inout LogBatch.Item) -> [UInt8]? {
        guard let finder else { return nil }
        var isMissing = false
        if case .field(let name) = options.level {
            if let value = finder.value(of: name, in: line) {
                item.level = Self.level(value)
            } else {
                isMissing = true
            }
        } else if options.parser == .access, let status = finder.value(of: "status", in: line) {
            item.level = status.first == 0x35 ? .error : status.first == 0x34 ? .warning : .info
        }
        if let name = options.timestamp {
            if let time = finder.value(of: name, in: line).flatMap(TimestampReader.parse) {
                item.timestamp = time
            } else {
                isMissing = true
            }
        }
        var message: [UInt8]?
        if let name = options.message {
            message = finder.value(of: name, in: line)
            isMissing = isMissing || message == nil
        }
        if isMissing { counts.unparsed += 1 }
        return message
    }

    /// A word, a number of syslog's (0 to 7), of Bunyan's and Pino's (10 to 60) or an HTTP status.
    static func level(_ value: [UInt8]) -> LogLevel {
        let text = String(decoding: value.prefix(16), as: UTF8.self)
        if let level = LogLevel(word: text) { return level }
        guard let number = Int(text) else { return .unknown }
        switch number {
        case 0...2: return .fatal
        case 3: return .error
        case 4: return .warning
        case 5...6: return .info
        case 7: return .debug
        case 10...60:
            return [.trace, .debug, .info, .warning, .error, .fatal][number / 10 - 1]
        case 100...399: return .info
        case 400...499: return .warning
        case 500...599: return .error
        default: return .unknown
        }
    }

    private func isWanted(_ line: UnsafeRawBufferPointer) -> Bool {
        (keep.isEmpty || keep.contains { $0.matches(line) }) && !drop.contains { $0.matches(line) }
    }

    private func store(
        _ line: UnsafeRawBufferPointer, _ item: LogBatch.Item, _ output: inout LogBatch
    ) {
        guard let redacted = redactor?.redact(line) else { return output.append(line, item) }
        counts.redacted += redacted.count
        redacted.bytes.withUnsafeBytes { output.append($0, item) }
    }

    private func tell(_ count: Int, _ item: LogBatch.Item, _ output: inout LogBatch) {
        var told = item
        (told.isGap, told.isPartial, told.level) = (true, false, .unknown)
        var text =
            "\(count) lines over the limit of \(options.rateLimit ?? 0) a second were left out"
        text.withUTF8 { output.append(.init($0), told) }
    }
}

extension LinePipeline {
    /// What each stage makes of a line, one sentence each, for people who write a configuration.
    public func explain(_ line: [UInt8], time: Int64) -> [(stage: String, result: String)] {
        line.withUnsafeBytes { raw in
            var result: [(stage: String, result: String)] = []
            if joinsLines {
                result.append(
                    (
                        "multiline",
                        continues(raw, .stdout)
                            ? "belongs to the entry before" : "begins an entry"
                    ))
            }
            if let finder {
                let fields = finder.fields(in: raw).map {
                    "\($0.name)=\(String(decoding: $0.value.prefix(80), as: UTF8.self))"
                }
                result.append(
                    ("parse", fields.isEmpty ? "no fields" : fields.joined(separator: " ")))
            }
            var batch = LogBatch()
            batch.append(raw, timestamp: time, stream: .stdout, level: .unknown)
            var output = LogBatch()
            let before = counts
            apply(batch, into: &output)
            if counts.unparsed > before.unparsed { result.append(("parse", "a field is missing")) }
            guard let item = output.items.last, !item.isGap else {
                let why =
                    counts.limited > before.limited ? "over the rate limit" : "by keep or drop"
                return result + [("left out", why)]
            }
            if item.level != .unknown { result.append(("level", item.level.name)) }
            if item.timestamp != time { result.append(("timestamp", "\(item.timestamp) ns")) }
            let text = String(decoding: output.text.suffix(item.length), as: UTF8.self)
            return result + [("stored", text)]
        }
    }
}
