// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Log lines as JSON objects.
enum LogJSON {
    /// Names of an object's members.
    struct Names: Hashable, Sendable {
        var time = "time"
        var message = "message"
    }

    /// What all objects have, as bytes.
    struct Frame {
        fileprivate let beforeTime: [UInt8]
        fileprivate let beforeMessage: [UInt8]
        fileprivate let levels: [[UInt8]]
        fileprivate var time = LogTimeWriter()

        init(_ names: Names) {
            var text: [UInt8] = [UInt8(ascii: "{")]
            JSONText.append(names.time, to: &text)
            beforeTime = text + ":\"".utf8
            text = Array("\",".utf8)
            JSONText.append(names.message, to: &text)
            beforeMessage = text + ":".utf8
            levels = LogLevel.allCases.map { Array(",\"level\":\"\($0.name)\"".utf8) }
        }
    }

    /// Appends labels as members of an object.
    static func appendMembers(_ labels: Labels, to output: inout [UInt8]) {
        for (order, label) in labels.pairs.enumerated() {
            if order > 0 { output.append(UInt8(ascii: ",")) }
            JSONText.append(label.name, to: &output)
            output.append(UInt8(ascii: ":"))
            JSONText.append(label.value, to: &output)
        }
    }

    /// Appends an entry as one object: its time, its text, its level, and the stream's labels.
    static func append(
        _ entry: LogEntryView, of stream: ShippedStream, _ frame: inout Frame,
        to output: inout [UInt8]
    ) {
        if stream.prepared.isEmpty {
            stream.prepared.append(UInt8(ascii: ","))
            appendMembers(stream.labels, to: &stream.prepared)
        }
        output += frame.beforeTime
        frame.time.append(entry.timestamp, digits: 9, to: &output)
        output += frame.beforeMessage
        JSONText.append(entry.bytes, to: &output)
        if entry.level != .unknown { output += frame.levels[Int(entry.level.rawValue)] }
        if entry.isPartial { output += ",\"partial\":\"true\"".utf8 }
        if entry.isGap { output += ",\"gap\":\"true\"".utf8 }
        // A label that has the name of a member above would come twice.
        if !stream.labels.isEmpty { output += stream.prepared }
        output.append(UInt8(ascii: "}"))
    }
}

/// JSON objects, one a line or in one list: any HTTP server that takes them, VictoriaLogs among them.
final class JSONLinesEncoder: LogEncoder {
    /// How objects follow one another.
    enum Framing { case lines, list }

    private var frame: LogJSON.Frame
    private let framing: Framing
    private let type: String
    private let compression: BodyCompression
    private var body: [UInt8] = []

    init(
        names: LogJSON.Names = LogJSON.Names(), framing: Framing = .lines, type: String,
        compression: BodyCompression
    ) {
        frame = LogJSON.Frame(names)
        self.framing = framing
        self.type = type
        self.compression = compression
    }

    var headers: [(name: String, value: String)] {
        [("Content-Type", type)]
            + (compression == .gzip ? [("Content-Encoding", "gzip")] : [])
    }

    var count: Int { body.count }

    func begin() { body.removeAll(keepingCapacity: true) }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        if framing == .list { body.append(UInt8(ascii: body.isEmpty ? "[" : ",")) }
        LogJSON.append(entry, of: stream, &frame, to: &body)
        if framing == .lines { body.append(0x0a) }
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        if framing == .list { body += "]\n".utf8 }
        return (compression.apply(body).body, body.count)
    }
}

/// Elasticsearch's and OpenSearch's `_bulk`. The id of a document is made of the container's and the
/// line's number, so that what is sent twice is kept once.
final class BulkEncoder: LogEncoder {
    private let index: String
    private let compression: BodyCompression
    private var frame = LogJSON.Frame(LogJSON.Names(time: "@timestamp", message: "message"))
    private var body: [UInt8] = []

    init(index: String, compression: BodyCompression) {
        self.index = index
        self.compression = compression
    }

    var headers: [(name: String, value: String)] {
        [("Content-Type", "application/x-ndjson")]
            + (compression == .gzip ? [("Content-Encoding", "gzip")] : [])
    }

    var count: Int { body.count }

    func begin() { body.removeAll(keepingCapacity: true) }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        // `create` is what data streams take; a document that is there already gives 409.
        body += "{\"create\":{\"_index\":".utf8
        JSONText.append(index, to: &body)
        body += ",\"_id\":".utf8
        JSONText.append(Self.id(entry, of: stream), to: &body)
        body += "}}\n".utf8
        LogJSON.append(entry, of: stream, &frame, to: &body)
        body.append(0x0a)
    }

    /// At most 512 bytes, which is what Elasticsearch takes.
    static func id(_ entry: LogEntryView, of stream: ShippedStream) -> String {
        String(stream.id.prefix(160)) + "-\(entry.sequence)"
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        (compression.apply(body).body, body.count)
    }

    var judge: HTTPJudge { Self.verdict }

    /// An answer of 200 tells of each document: any that must wait makes all be sent again, which
    /// their ids make harmless.
    @Sendable static func verdict(_ reply: HTTPReply, _ parcel: Parcel) -> Verdict {
        guard (200..<300).contains(reply.status) else {
            return HTTPCarrier.standardVerdict(reply, parcel)
        }
        guard let answer = JSONValue(reply.body), let errors = answer["errors"].bool else {
            return .retry(reason: "the answer is not that of a _bulk API", after: nil)
        }
        guard errors else { return .accepted }
        var rejected = 0
        var reason = ""
        for item in answer["items"].array {
            let result = item["create"]
            let status = result["status"].int ?? 0
            guard status >= 300, status != 409 else { continue }
            let why = result["error"]["reason"].string ?? result["error"]["type"].string ?? ""
            if status == 429 || status >= 500 {
                return .retry(
                    reason: "a document must wait: status \(status): \(why.prefix(200))",
                    after: HTTPCarrier.retryAfter(reply))
            }
            rejected += 1
            if reason.isEmpty { reason = "status \(status): \(why.prefix(200))" }
        }
        return rejected == 0 ? .accepted : .partly(rejected: rejected, reason: reason)
    }
}
