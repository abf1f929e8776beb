// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model

/// OTLP's log records over HTTP, protocol buffers (`ExportLogsServiceRequest`): a resource for each
/// stream (https://opentelemetry.io/docs/specs/otlp/).
final class OTLPLogsEncoder: LogEncoder {
    private var lines = StreamedLines()
    private let compression: BodyCompression

    init(_ compression: BodyCompression) { self.compression = compression }

    var headers: [(name: String, value: String)] {
        [("Content-Type", "application/x-protobuf")]
            + (compression == .gzip ? [("Content-Encoding", "gzip")] : [])
    }

    var count: Int { lines.count }

    func begin() { lines.begin() }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        var record = ProtobufWriter()
        record.fixed64(1, UInt64(bitPattern: entry.timestamp))
        record.fixed64(11, UInt64(bitPattern: entry.timestamp))
        let severity = OTLP.severity(entry.level)
        if severity.number > 0 {
            record.varint(2, severity.number)
            record.string(3, severity.text)
        }
        var body = ProtobufWriter()
        LogText.withUTF8(entry.bytes) { body.data(1, $0) }
        record.message(5, body)
        record.message(6, OTLP.attribute("log.record.uid", "\(stream.id)-\(entry.sequence)"))
        record.message(6, OTLP.attribute("log.iostream", entry.stream.name))
        if entry.isPartial { record.message(6, OTLP.attribute("partial", "true")) }
        if entry.isGap { record.message(6, OTLP.attribute("gap", "true")) }
        lines.add(to: stream) { pending in
            pending.append(0x12)
            Varint.append(UInt64(record.bytes.count), to: &pending)
            pending += record.bytes
        }
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var request: [UInt8] = []
        for stream in lines.streams {
            if stream.prepared.isEmpty {
                var resource = ProtobufWriter()
                for label in stream.labels.pairs {
                    resource.message(1, OTLP.attribute(OTLP.name(label.name), label.value))
                }
                var wrapped = ProtobufWriter()
                wrapped.message(1, resource)
                stream.prepared = wrapped.bytes
            }
            // ScopeLogs without a scope.
            let inner = 1 + Varint.length(stream.pending.count) + stream.pending.count
            request.append(0x0a)
            Varint.append(UInt64(stream.prepared.count + inner), to: &request)
            request += stream.prepared
            request.append(0x12)
            Varint.append(UInt64(stream.pending.count), to: &request)
            request += stream.pending
        }
        return (compression.apply(request).body, request.count)
    }

    var judge: HTTPJudge { OTLP.verdict }
}

/// OTLP's log records in JSON, by the protobuf JSON mapping with OTLP's exceptions.
final class OTLPLogsJSONEncoder: LogEncoder {
    private var lines = StreamedLines()
    private let compression: BodyCompression

    init(_ compression: BodyCompression) { self.compression = compression }

    var headers: [(name: String, value: String)] {
        [("Content-Type", "application/json")]
            + (compression == .gzip ? [("Content-Encoding", "gzip")] : [])
    }

    var count: Int { lines.count }

    func begin() { lines.begin() }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        lines.add(to: stream, separator: UInt8(ascii: ",")) { pending in
            pending +=
                "{\"timeUnixNano\":\"\(entry.timestamp)\",\"observedTimeUnixNano\":\"\(entry.timestamp)\""
                .utf8
            let severity = OTLP.severity(entry.level)
            if severity.number > 0 {
                pending +=
                    ",\"severityNumber\":\(severity.number),\"severityText\":\"\(severity.text)\""
                    .utf8
            }
            pending += ",\"body\":{\"stringValue\":".utf8
            JSONText.append(entry.bytes, to: &pending)
            pending += "},\"attributes\":[".utf8
            OTLP.appendJSON("log.record.uid", "\(stream.id)-\(entry.sequence)", to: &pending)
            pending.append(UInt8(ascii: ","))
            OTLP.appendJSON("log.iostream", entry.stream.name, to: &pending)
            for (name, isSo) in [("partial", entry.isPartial), ("gap", entry.isGap)] where isSo {
                pending.append(UInt8(ascii: ","))
                OTLP.appendJSON(name, "true", to: &pending)
            }
            pending += "]}".utf8
        }
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var request: [UInt8] = Array("{\"resourceLogs\":[".utf8)
        for (order, stream) in lines.streams.enumerated() {
            if order > 0 { request.append(UInt8(ascii: ",")) }
            request += "{\"resource\":{\"attributes\":[".utf8
            for (order, label) in stream.labels.pairs.enumerated() {
                if order > 0 { request.append(UInt8(ascii: ",")) }
                OTLP.appendJSON(OTLP.name(label.name), label.value, to: &request)
            }
            request += "]},\"scopeLogs\":[{\"logRecords\":[".utf8
            request += stream.pending
            request += "]}]}".utf8
        }
        request += "]}".utf8
        return (compression.apply(request).body, request.count)
    }

    var judge: HTTPJudge { OTLP.verdict }
}

/// What OTLP's signals share.
enum OTLP {
    /// `opentelemetry.proto.common.v1.KeyValue` of a text.
    static func attribute(_ name: String, _ value: String) -> ProtobufWriter {
        var any = ProtobufWriter()
        any.string(1, value)
        var pair = ProtobufWriter()
        pair.string(1, name)
        pair.message(2, any)
        return pair
    }

    static func appendJSON(_ name: String, _ value: String, to output: inout [UInt8]) {
        output += "{\"key\":".utf8
        JSONText.append(name, to: &output)
        output += ",\"value\":{\"stringValue\":".utf8
        JSONText.append(value, to: &output)
        output += "}}".utf8
    }

    /// A label's name by the semantic conventions, where they have one.
    static func name(_ label: String) -> String {
        switch label {
        case "container": "container.name"
        case "id": "container.id"
        case "image": "container.image.name"
        case "namespace": "k8s.namespace.name"
        case "pod": "k8s.pod.name"
        case "filename": "log.file.path"
        case "stream": "log.iostream"
        default: label
        }
    }

    /// `SeverityNumber` and its short name.
    static func severity(_ level: LogLevel) -> (number: UInt64, text: String) {
        switch level {
        case .unknown: (0, "")
        case .trace: (1, "TRACE")
        case .debug: (5, "DEBUG")
        case .info: (9, "INFO")
        case .warning: (13, "WARN")
        case .error: (17, "ERROR")
        case .fatal: (21, "FATAL")
        }
    }

    /// Only 429, 502, 503 and 504 are tried again (OTLP specification, "Retryable Response Codes");
    /// those about the configuration are too, as for every sink.
    @Sendable static func verdict(_ reply: HTTPReply, _ parcel: Parcel) -> Verdict {
        switch reply.status {
        case 200..<300:
            let rejected = rejected(reply)
            return rejected.count > 0
                ? .partly(rejected: rejected.count, reason: rejected.reason) : .accepted
        case 500, 501, 505...: return .refused(reason: HTTPCarrier.reason(reply))
        default: return HTTPCarrier.standardVerdict(reply, parcel)
        }
    }

    /// `partial_success` of an answer, which has the same shape for logs and metrics.
    private static func rejected(_ reply: HTTPReply) -> (count: Int, reason: String) {
        if reply.header("Content-Type")?.contains("json") == true {
            let partial = JSONValue(reply.body)?["partialSuccess"] ?? .null
            let number = ["rejectedLogRecords", "rejectedDataPoints"].compactMap {
                partial[$0].int ?? partial[$0].string.flatMap { Int64($0) }
            }.first
            return (Int(number ?? 0), String((partial["errorMessage"].string ?? "").prefix(200)))
        }
        var count = 0
        var reason = ""
        var reader = ProtobufReader(reply.body[...])
        while let field = try? reader.next() {
            guard field.field == 1, case .bytes(let message) = field.value else { continue }
            var inner = ProtobufReader(message)
            while let part = try? inner.next() {
                switch (part.field, part.value) {
                case (1, .varint(let number)): count = Int(clamping: number)
                case (2, .bytes(let text)):
                    reason = String(String(decoding: text, as: UTF8.self).prefix(200))
                default: continue
                }
            }
        }
        return (count, reason)
    }
}
