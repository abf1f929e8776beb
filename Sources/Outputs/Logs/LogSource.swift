// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
public import Model

/// Reads a store's log lines for a sink: selects, names and encodes them.
///
/// The cursor is the number of the next line of each container. Lines read and not yet taken by the
/// sink are held, as many as fit into one request.
public final class LogSource: ParcelSource {
    /// Which lines of the logs selected are sent.
    public struct Lines: Hashable, Sendable {
        /// The least serious level; lines of unknown level are sent whatever it is.
        public var minLevel = LogLevel.unknown
        /// Which outputs; empty for both.
        public var streams: Set<LogStream> = []
        /// Bytes of a line; what is longer is cut and marked.
        public var maxBytes = 256 << 10

        /// All of them.
        public init() {}
    }

    private struct Place {
        var next: Int64
        var time: Int64
    }

    private struct StreamKey: Hashable {
        let origin: Int
        let stream: LogStream
    }

    private let querier: any LogQuerier
    private let selection: Selection
    private let lines: Lines
    private let makeEncoder: () -> any LogEncoder
    /// One for each part of a batch.
    private var encoders: [any LogEncoder] = []
    private var places: [String: Place] = [:]
    private var identities: [LogIdentity] = []
    private var streams: [StreamKey: ShippedStream?] = [:]
    private var latest: (key: StreamKey, stream: ShippedStream?)?
    private var open: (any LogCursor)?
    /// Read and not yet acknowledged, and how many of them are in the last parcel.
    private var queue = LogEntryQueue()
    private var sent = 0
    private var seekTime: Int64?

    private static let cutMark = Array(" … [cut by the sink's limit]".utf8)

    /// A reader that goes on at a cursor; without one it begins with lines to come, or with what
    /// the store has when `fromOldest`.
    init(
        querier: any LogQuerier, encoder: @escaping () -> any LogEncoder, selection: Selection,
        lines: Lines, cursor: String?, fromOldest: Bool
    ) throws {
        self.querier = querier
        makeEncoder = encoder
        self.selection = selection
        self.lines = lines
        if let cursor {
            for line in cursor.split(separator: "\n") where !line.hasPrefix("#") {
                let words = line.split(separator: " ")
                guard words.count == 3, let next = Int64(words[1]), let time = Int64(words[2])
                else {
                    throw ShipError("the cursor line `\(line.prefix(80))` is no place in a log")
                }
                places[Self.unescape(words[0])] = Place(next: next, time: time)
            }
        } else if !fromOldest {
            try goToEnd()
        }
    }

    /// Begins after what the store has.
    private func goToEnd() throws {
        for identity in try querier.logs([]) {
            var query = LogQuery()
            query.backward = true
            if let newest = try querier.entries(query, of: [identity]).next() {
                places[identity.id] = Place(next: newest.sequence + 1, time: newest.timestamp)
            }
        }
    }

    /// See `ParcelSource`: a line `id next time` for each container.
    public var cursor: String {
        let lines = places.sorted { $0.key < $1.key }
            .map { "\(Self.escape($0.key)) \($0.value.next) \($0.value.time)" }
        return "# logs\n" + lines.joined(separator: "\n")
    }

    /// See `ParcelSource`. All lines of a container are of one part; the first that is full ends the
    /// batch.
    public func next(_ limits: BatchLimits) throws -> [Parcel] {
        while encoders.count < limits.parts { encoders.append(makeEncoder()) }
        while true {
            try fill(limits)
            for encoder in encoders { encoder.begin() }
            var totals = [Total](repeating: Total(), count: encoders.count)
            sent = 0
            queue.forEach { entry in
                let part = part(of: entry)
                guard totals[part].records < limits.records,
                    encoders[part].count < limits.bytes || totals[part].records == 0
                else { return false }
                sent += 1
                guard let stream = stream(of: entry), isWanted(entry) else { return true }
                add(entry, of: stream, to: encoders[part])
                totals[part].records += 1
                totals[part].newest = max(totals[part].newest, entry.timestamp)
                return true
            }
            guard sent > 0 else { return [] }
            let parcels = totals.indices.compactMap { parcel($0, totals[$0], limits) }
            if !parcels.isEmpty { return parcels }
            // Nothing in it is wanted.
            acknowledge()
        }
    }

    private struct Total {
        var records = 0
        var newest = Int64.min
    }

    /// Which part of a batch an entry is in: each stream's are in one.
    private func part(of entry: LogEntryView) -> Int {
        encoders.count == 1 ? 0 : entry.origin % encoders.count
    }

    private func parcel(_ part: Int, _ total: Total, _ limits: BatchLimits) -> Parcel? {
        guard total.records > 0 else { return nil }
        let encoder = encoders[part]
        let isFull = total.records >= limits.records || encoder.count >= limits.bytes / 2
        let (body, rawBytes) = encoder.finish()
        var parcel = Parcel(
            body: body, headers: encoder.headers, records: total.records, rawBytes: rawBytes,
            newest: total.newest / 1_000_000, isFull: isFull)
        parcel.part = part
        parcel.judge = encoder.judge
        return parcel
    }

    /// Reads until a request is full or there is no more.
    private func fill(_ limits: BatchLimits) throws {
        var hasReopened = false
        while queue.count < limits.records * encoders.count,
            queue.textBytes < limits.bytes * encoders.count
        {
            if open == nil {
                guard !hasReopened else { return }
                hasReopened = true
                try reopen()
            }
            if try open?.next({ queue.append($0) }) != true { open = nil }
        }
    }

    private func reopen() throws {
        let all = try querier.logs([])
        if all != identities {
            // Numbers of logs are those of this list; what is held keeps its own.
            guard queue.isEmpty else { return }
            identities = all
            streams.removeAll()
            latest = nil
            let ids = Set(all.map(\.id))
            places = places.filter { ids.contains($0.key) }
        }
        var query = LogQuery()
        query.streams = lines.streams
        query.start = seekTime ?? .min
        for (id, place) in places { query.from[id] = place.next }
        for (origin, last) in last(of: queue.count) {
            query.from[identities[origin].id] = last.next
        }
        open = try querier.entries(query, of: identities)
    }

    /// For each log, where it goes on after the first so many entries of the queue.
    private func last(of count: Int) -> [Int: Place] {
        var found: [Int: Place] = [:]
        var left = count
        queue.forEach { entry in
            guard left > 0 else { return false }
            left -= 1
            if entry.sequence >= 0 {
                found[entry.origin] = Place(next: entry.sequence + 1, time: entry.timestamp)
            }
            return true
        }
        return found
    }

    private func isWanted(_ entry: LogEntryView) -> Bool {
        entry.isGap || entry.level == .unknown || entry.level >= lines.minLevel
    }

    /// Writes an entry; one that is too long without its end.
    private func add(
        _ entry: LogEntryView, of stream: ShippedStream, to encoder: any LogEncoder
    ) {
        guard entry.bytes.count > lines.maxBytes else { return encoder.add(entry, of: stream) }
        var end = max(0, lines.maxBytes - Self.cutMark.count)
        // Not within a character.
        while end > 0, entry.bytes[end] & 0xc0 == 0x80 { end -= 1 }
        (Array(entry.bytes[..<end]) + Self.cutMark).withUnsafeBytes { bytes in
            var short = entry
            short.bytes = bytes
            encoder.add(short, of: stream)
        }
    }

    /// What an entry's stream is called at the sink; nil when it is not wanted.
    private func stream(of entry: LogEntryView) -> ShippedStream? {
        let key = StreamKey(origin: entry.origin, stream: entry.stream)
        // Most lines are of the stream of the line before.
        if let latest, latest.key == key { return latest.stream }
        let found = streams[key] ?? make(key)
        latest = (key, found)
        return found
    }

    private func make(_ key: StreamKey) -> ShippedStream? {
        let identity = identities[key.origin]
        var labels = identity.streamLabels
        labels["name"] = labels["container"] == identity.name ? "" : identity.name
        labels["stream"] = key.stream.name
        let made = selection.apply(labels).map { ShippedStream(labels: $0, id: identity.id) }
        streams[key] = .some(made)
        return made
    }

    /// See `ParcelSource`.
    public func acknowledge() {
        for (origin, place) in last(of: sent) { places[identities[origin].id] = place }
        queue.removeFirst(sent)
        sent = 0
    }

    /// See `ParcelSource`.
    public func describe(_ parcel: Parcel) -> [UInt8] {
        var text: [UInt8] = []
        var frame = LogJSON.Frame(LogJSON.Names())
        var left = sent
        queue.forEach { entry in
            guard left > 0 else { return false }
            left -= 1
            guard part(of: entry) == parcel.part, let stream = stream(of: entry), isWanted(entry)
            else { return true }
            LogJSON.append(
                entry, of: ShippedStream(labels: stream.labels, id: stream.id), &frame, to: &text)
            text.append(0x0a)
            return true
        }
        return text
    }

    /// See `ParcelSource`.
    public func backlog() throws -> Backlog {
        var backlog = Backlog()
        backlog.oldest = queue.firstTime.map { $0 / 1_000_000 }
        for identity in try querier.logs([]) {
            let start = places[identity.id].map { $0.time + 1 } ?? seekTime ?? .min
            guard
                let extent = try querier.extents([identity], from: start, to: .max).first,
                extent.entries > 0
            else { continue }
            backlog.records += Int64(extent.entries)
            backlog.bytes += Int64(extent.bytes)
        }
        return backlog
    }

    /// See `ParcelSource`.
    public func seek(to time: Milliseconds) throws {
        places.removeAll()
        queue.removeAll()
        sent = 0
        open = nil
        seekTime = time * 1_000_000
    }

    /// See `ParcelSource`: what is missing from a log comes as an entry that says so.
    public func takeGap() -> Bool { false }

    /// An id without blanks and newlines.
    private static func escape(_ id: String) -> String {
        var text = ""
        for byte in id.utf8 {
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "%"), byte != UInt8(ascii: "#") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text.isEmpty ? "%" : text
    }

    private static func unescape(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard let value = UInt8(digits, radix: 16) else { continue }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
