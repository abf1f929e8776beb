// SPDX-License-Identifier: Apache-2.0

import Linux
import Logs
public import Model
import Synchronization

/// Takes lines that other hosts send into a log store, each stream as a log of its own. Safe to call
/// from several threads at once.
public final class LogIntake: Sendable {
    /// How lines are written in a request.
    public enum Format: Sendable {
        /// Loki's push API, protocol buffers.
        case loki
        /// Loki's push API, JSON.
        case lokiJSON
        /// OTLP, protocol buffers.
        case otlp
        /// OTLP, JSON.
        case otlpJSON

        var isJSON: Bool { self == .lokiJSON || self == .otlpJSON }
    }

    /// Bytes of a line; what is longer is stored in parts.
    static let maxLine = 256 << 10
    /// Bytes of text that the store is given at once.
    private static let batchBytes = 1 << 20
    private static let batchLines = 10_000
    /// Milliseconds after which a stream that nothing came for is closed.
    private static let idle: Milliseconds = 600_000

    /// A log that something came for lately.
    private struct Open {
        let identity: LogIdentity
        /// What the configuration does to its lines.
        let transform: (any LogTransform)?
        var last: Milliseconds
    }

    private struct State {
        /// The logs that are open, by their ids.
        var open: [String: Open] = [:]
        var recent = RecentLines()
    }

    private let sink: any LogSink
    private let retention: Milliseconds
    private let limits: ReceiveLimits
    private let makeTransform: @Sendable (LogIdentity) -> (any LogTransform)?
    private let relabel: @Sendable (LogIdentity) -> LogIdentity
    private let state = Mutex(State())

    /// An intake into `sink`, which keeps lines for so many milliseconds. `transform` makes what is
    /// done to a log's lines, and `relabel` gives it more labels, when it is opened; joining lines is
    /// for tailed logs alone, where it is known which line came after which.
    public init(
        into sink: any LogSink, retention: Milliseconds, limits: ReceiveLimits = ReceiveLimits(),
        transform: @escaping @Sendable (LogIdentity) -> (any LogTransform)? = { _ in nil },
        relabel: @escaping @Sendable (LogIdentity) -> LogIdentity = { $0 }
    ) {
        self.sink = sink
        self.retention = retention
        self.limits = limits
        makeTransform = transform
        self.relabel = relabel
    }

    /// Stores the lines of a request's body; when it returns they are on the disk. Throws
    /// `ReceiveError` when the request may be sent again; what was refused of it for good is in the
    /// receipt.
    public func take(
        _ body: [UInt8], format: Format, encoding: String
    ) throws(ReceiveError) -> Receipt {
        let limit = format.isJSON ? min(limits.json, limits.decoded) : limits.decoded
        let message = try RequestBody.decode(body, encoding: encoding, limit: limit)
        let streams =
            switch format {
            case .loki: try LokiPushReader.protobuf(message, limits)
            case .lokiJSON: try LokiPushReader.json(message, limits)
            case .otlp: try OTLPLogsReader.protobuf(message, limits)
            case .otlpJSON: try OTLPLogsReader.json(message, limits)
            }
        // One at a time: whether a line is there already is asked and told in one go.
        return try state.withLock { state throws(ReceiveError) in
            var receipt = Receipt()
            let now = Clock.realtimeMilliseconds()
            closeIdle(&state, now: now)
            state.recent.beginRequest()
            var written: [LogIdentity] = []
            for stream in streams where !stream.lines.isEmpty {
                if let log = try store(stream, &state, now: now, &receipt) { written.append(log) }
            }
            do { for log in written { try sink.sync(log) } } catch {
                throw Self.unavailable(error)
            }
            return receipt
        }
    }

    private func closeIdle(_ state: inout State, now: Milliseconds) {
        for (id, log) in state.open where now - log.last > Self.idle {
            try? sink.close(log.identity)
            state.open[id] = nil
        }
    }

    /// Writes the lines of a stream; gives the log they are in, if there is anything new.
    private func store(
        _ stream: PushedStream, _ state: inout State, now: Milliseconds, _ receipt: inout Receipt
    ) throws(ReceiveError) -> LogIdentity? {
        if let problem = limits.problem(with: stream.labels) {
            receipt.refuse("labels", stream.lines.count, problem)
            return nil
        }
        let labels = Labels(stream.labels)
        guard !labels.isEmpty else {
            receipt.refuse("labels", stream.lines.count, "a stream has no label")
            return nil
        }
        let (plain, output, level) = Self.identity(labels)
        guard state.open[plain.id] != nil || state.open.count < limits.streams else {
            receipt.refuse(
                "streams", stream.lines.count,
                "there are \(limits.streams) streams already, as many as there may be at once")
            return nil
        }
        let before = receipt.accepted
        var log =
            state.open[plain.id]
            ?? Open(identity: relabel(plain), transform: makeTransform(plain), last: now)
        log.last = now
        state.open[plain.id] = log
        let identity = log.identity
        var writer = Writer(
            sink: sink, identity: identity, transform: log.transform, limits: limits, now: now,
            oldest: now - min(retention, now))
        for line in stream.lines {
            do {
                try writer.add(line, output: output, level: level, &state.recent, &receipt)
            } catch { throw Self.unavailable(error) }
        }
        do {
            try writer.write()
            try sink.flush(identity)
        } catch { throw Self.unavailable(error) }
        state.recent.confirm()
        return receipt.accepted > before ? identity : nil
    }

    private static func unavailable(_ error: any Error) -> ReceiveError {
        .unavailable("the lines cannot be stored now: \(error)")
    }

    /// Whose log a stream is. Which output it was and how serious it is are properties of lines here.
    static func identity(
        _ labels: Labels
    ) -> (identity: LogIdentity, output: LogStream, level: LogLevel?) {
        var own = labels
        let output: LogStream = own["stream"] == "stderr" ? .stderr : .stdout
        if ["stdout", "stderr"].contains(own["stream"]) { own["stream"] = "" }
        let level = LogLevel(word: own["level"])
        if level != nil { own["level"] = "" }
        let name =
            ["name", "container", "service_name", "job", "unit", "filename"]
            .lazy.map { own[$0] }.first { !$0.isEmpty } ?? own.pairs.first?.value ?? "pushed"
        let direct: Set<String> = [
            "container", "engine", "image", "compose_project", "compose_service", "namespace",
            "pod", "unit", "filename",
        ]
        var kept: [String: String] = ["source": "push"]
        for label in own.pairs where label.name != "name" {
            kept[direct.contains(label.name) ? label.name : LogIdentity.configured + label.name] =
                label.value
        }
        let identity = LogIdentity(
            id: "push-" + digest(own), name: name, createdAt: 0, labels: kept)
        return (identity, output, level)
    }

    /// 32 digits that tell label sets apart: FNV-1a from two beginnings.
    private static func digest(_ labels: Labels) -> String {
        var bytes: [UInt8] = []
        for label in labels.pairs {
            bytes += label.name.utf8
            bytes.append(0)
            bytes += label.value.utf8
            bytes.append(0)
        }
        return [UInt64(0xcbf2_9ce4_8422_2325), 0x6c62_272e_07bb_0142].map { start in
            let hash = bytes.reduce(start) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
            let digits = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

extension LogIntake {
    /// Gives the lines of one log to the store, in batches.
    fileprivate struct Writer {
        let sink: any LogSink
        let identity: LogIdentity
        let transform: (any LogTransform)?
        let limits: ReceiveLimits
        let now: Milliseconds
        let oldest: Milliseconds
        var batch = LogBatch()

        mutating func add(
            _ line: PushedStream.Line, output: LogStream, level: LogLevel?,
            _ recent: inout RecentLines, _ receipt: inout Receipt
        ) throws {
            var facts = LineFacts(line, output: output, level: level)
            if facts.time == 0 { facts.time = now * 1_000_000 }
            guard facts.time / 1_000_000 >= oldest, facts.time / 1_000_000 <= now + limits.ahead
            else {
                receipt.refuse(
                    "time", 1,
                    "lines are older than what is kept here, or more than "
                        + "\(limits.ahead / 60_000) minutes in the future")
                return
            }
            guard recent.isNew(facts, of: identity.id) else {
                receipt.duplicates += 1
                return
            }
            try facts.text.withUnsafeBytes { text in
                var at = 0
                repeat {
                    let end = min(at + LogIntake.maxLine, text.count)
                    batch.append(
                        UnsafeRawBufferPointer(rebasing: text[at..<end]), timestamp: facts.time,
                        stream: facts.output, level: facts.level,
                        isPartial: facts.isPartial || end < text.count, isGap: facts.isGap)
                    at = end
                    if batch.text.count >= LogIntake.batchBytes
                        || batch.items.count >= LogIntake.batchLines
                    {
                        try write()
                    }
                } while at < text.count
            }
            receipt.accepted += 1
        }

        mutating func write() throws {
            guard !batch.isEmpty else { return }
            guard let transform else {
                try sink.append(batch, of: identity)
                return batch.removeAll()
            }
            var made = LogBatch()
            transform.apply(batch, into: &made)
            if !made.isEmpty { try sink.append(made, of: identity) }
            batch.removeAll()
        }
    }
}

/// What a line is once its attributes are looked at: those that the store has a place for, and the
/// text with the others after it, as `name=value`.
struct LineFacts {
    var time: Int64
    var text: ArraySlice<UInt8>
    var output: LogStream
    var level: LogLevel
    var isPartial = false
    var isGap = false
    /// What the sender calls the record.
    var uid = ""

    init(_ line: PushedStream.Line, output: LogStream, level: LogLevel?) {
        time = line.time
        text = line.text
        self.output = output
        var found = level
        var others: [UInt8] = []
        for attribute in line.attributes {
            switch attribute.name {
            case "level", "detected_level":
                guard let known = LogLevel(word: attribute.value) else {
                    Self.append(attribute, to: &others)
                    continue
                }
                found = known
            case "log.iostream" where ["stdout", "stderr"].contains(attribute.value):
                self.output = attribute.value == "stderr" ? .stderr : .stdout
            case "partial": isPartial = attribute.value == "true"
            case "gap": isGap = attribute.value == "true"
            case "log.record.uid": uid = attribute.value
            default: Self.append(attribute, to: &others)
            }
        }
        if !others.isEmpty { text += others }
        self.level = found ?? text.withUnsafeBytes { LevelDetector.level(of: $0) }
    }

    /// ` name=value`, quoted as logfmt does where it must be.
    private static func append(_ attribute: Label, to text: inout [UInt8]) {
        text.append(UInt8(ascii: " "))
        text += attribute.name.utf8.map { $0 > 0x20 && $0 != UInt8(ascii: "=") ? $0 : 0x5f }
        text.append(UInt8(ascii: "="))
        let isPlain =
            !attribute.value.isEmpty
            && attribute.value.utf8.allSatisfy {
                $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") && $0 != 0x7f
            }
        if isPlain { return text += attribute.value.utf8 }
        text.append(UInt8(ascii: "\""))
        for byte in attribute.value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case 0x0a: text += "\\n".utf8
            case 0x09: text += "\\t".utf8
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}

/// Remembers the lines of the last requests, so that one that is sent again is stored once. Lines
/// that one request has twice are two.
struct RecentLines {
    /// Lines that are remembered, at least.
    static let limit = 200_000

    private var newer: Set<Int> = []
    private var older: Set<Int> = []
    /// Of this request, stored, and about to be.
    private var stored: [Int] = []
    private var pending: [Int] = []

    /// The lines of the request before are remembered from here on.
    mutating func beginRequest() {
        for key in stored { newer.insert(key) }
        stored.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: true)
        guard newer.count >= Self.limit else { return }
        older = newer
        newer.removeAll(keepingCapacity: true)
    }

    /// Whether a line came with no request before.
    mutating func isNew(_ facts: LineFacts, of id: String) -> Bool {
        var hasher = Hasher()
        hasher.combine(id)
        hasher.combine(facts.uid)
        hasher.combine(facts.time)
        hasher.combine(facts.output)
        facts.text.withUnsafeBytes { hasher.combine(bytes: $0) }
        let key = hasher.finalize()
        guard !newer.contains(key), !older.contains(key) else { return false }
        pending.append(key)
        return true
    }

    /// Says that the lines asked for since the last call are stored.
    mutating func confirm() {
        stored += pending
        pending.removeAll(keepingCapacity: true)
    }
}
