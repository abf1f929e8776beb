// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// OTLP's `ExportLogsServiceRequest` (https://opentelemetry.io/docs/specs/otlp/), read within
/// bounds. A resource is a stream; what a record has beside its body becomes attributes of the line.
struct OTLPLogsReader {
    /// Levels of values within values that are followed.
    private static let maxDepth = 16

    private let limits: ReceiveLimits
    private var lines = 0
    private var streams: [PushedStream] = []

    private init(_ limits: ReceiveLimits) { self.limits = limits }

    private mutating func count() throws(ReceiveError) {
        lines += 1
        guard lines <= limits.records else { throw LokiPushReader.tooMany(limits) }
    }

    /// What a label is called for a resource's attribute: the names of containers by their meaning,
    /// others with `_` for what a label's name may not have.
    static func label(_ attribute: String) -> String {
        switch attribute {
        case "container.name", "k8s.container.name": "container"
        case "container.image.name": "image"
        case "k8s.namespace.name": "namespace"
        case "k8s.pod.name": "pod"
        case "log.file.path": "filename"
        case "host.name": "host"
        default:
            String(
                decoding: attribute.utf8.map { byte in
                    let isPlain =
                        byte | 0x20 &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5f
                        || byte >= 0x80
                    return isPlain ? byte : 0x5f
                }, as: UTF8.self)
        }
    }

    // MARK: Protocol buffers

    static func protobuf(
        _ message: [UInt8], _ limits: ReceiveLimits
    ) throws(ReceiveError) -> [PushedStream] {
        var request = OTLPLogsReader(limits)
        do {
            var reader = ProtobufReader(message[...])
            while let (field, value) = try reader.next() {
                guard field == 1, case .bytes(let bytes) = value else { continue }
                try request.addResource(bytes)
            }
        } catch {
            throw (error as? ReceiveError)
                ?? .malformed("the body is not an ExportLogsServiceRequest")
        }
        return request.streams
    }

    private mutating func addResource(_ bytes: ArraySlice<UInt8>) throws {
        guard streams.count < limits.streams * 10 else {
            throw ReceiveError.tooLarge("the request has too many resources")
        }
        var stream = PushedStream()
        var scopes: [ArraySlice<UInt8>] = []
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let resource)): stream.labels = try labels(resource)
            case (2, .bytes(let scope)): scopes.append(scope)
            default: continue
            }
        }
        for scope in scopes {
            var reader = ProtobufReader(scope)
            while let (field, value) = try reader.next() {
                guard field == 2, case .bytes(let record) = value else { continue }
                try count()
                stream.lines.append(try line(record))
            }
        }
        streams.append(stream)
    }

    private func labels(_ resource: ArraySlice<UInt8>) throws -> [Label] {
        var labels: [Label] = []
        var reader = ProtobufReader(resource)
        while let (field, value) = try reader.next() {
            guard field == 1, case .bytes(let pair) = value, labels.count <= limits.labels else {
                continue
            }
            let (name, value) = try Self.attribute(pair)
            labels.append(Label(name: Self.label(name), value: value))
        }
        return Labels(labels).pairs
    }

    private static func attribute(
        _ bytes: ArraySlice<UInt8>
    ) throws -> (name: String, value: String) {
        var (name, text) = ("", "")
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)): name = String(decoding: bytes, as: UTF8.self)
            case (2, .bytes(let any)): text = String(decoding: try self.text(any), as: UTF8.self)
            default: continue
            }
        }
        return (name, text)
    }

    private func line(_ bytes: ArraySlice<UInt8>) throws -> PushedStream.Line {
        var line = PushedStream.Line()
        var observed: Int64 = 0
        var (severity, word) = (UInt64(0), "")
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .fixed64(let bits)): line.time = Int64(clamping: bits)
            case (11, .fixed64(let bits)): observed = Int64(clamping: bits)
            case (2, .varint(let number)): severity = number
            case (3, .bytes(let text)): word = String(decoding: text, as: UTF8.self)
            case (5, .bytes(let any)): line.text = try Self.text(any)
            case (6, .bytes(let pair)) where line.attributes.count < limits.labels:
                let (name, value) = try Self.attribute(pair)
                line.attributes.append(Label(name: name, value: value))
            case (9, .bytes(let id)): line.attributes.append(Self.hex("trace_id", id))
            case (10, .bytes(let id)): line.attributes.append(Self.hex("span_id", id))
            case (12, .bytes(let name)):
                let text = String(decoding: name, as: UTF8.self)
                line.attributes.append(Label(name: "event_name", value: text))
            default: continue
            }
        }
        if line.time == 0 { line.time = observed }
        if let level = Self.level(severity, word) {
            line.attributes.append(Label(name: "level", value: level))
        }
        return line
    }

    private static func hex(_ name: String, _ bytes: ArraySlice<UInt8>) -> Label {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.prefix(32).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return Label(name: name, value: String(decoding: text, as: UTF8.self))
    }

    /// The word of a level for `SeverityNumber`, or else for the text.
    private static func level(_ number: UInt64, _ word: String) -> String? {
        let words = ["trace", "debug", "info", "warn", "error", "fatal"]
        if (1...24).contains(number) { return words[Int(number - 1) / 4] }
        return word.isEmpty ? nil : word
    }

    /// An `AnyValue`: a text as it is, everything else as JSON.
    private static func text(_ any: ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
        var reader = ProtobufReader(any)
        var found: ArraySlice<UInt8> = []
        while let (field, value) = try reader.next() {
            if field == 1, case .bytes(let text) = value {
                found = text
            } else {
                var json: [UInt8] = []
                try append(field, value, to: &json, depth: 0)
                found = json[...]
            }
        }
        return found
    }

    private static func append(
        _ field: Int, _ value: ProtobufReader.Value, to json: inout [UInt8], depth: Int
    ) throws {
        guard depth < maxDepth else { throw ReceiveError.malformed("a value is nested too deep") }
        switch (field, value) {
        case (1, .bytes(let text)):
            text.withUnsafeBytes { JSONText.append($0, to: &json) }
        case (2, .varint(let truth)): json += (truth == 0 ? "false" : "true").utf8
        case (3, .varint(let bits)): json += String(Int64(bitPattern: bits)).utf8
        case (4, .fixed64(let bits)):
            let number = Double(bitPattern: bits)
            json += (number.isFinite ? "\(number)" : "\"\(number)\"").utf8
        case (5, .bytes(let list)):
            json.append(UInt8(ascii: "["))
            try appendMembers(list, to: &json, depth: depth) { member, json in
                try appendAny(member, to: &json, depth: depth)
            }
            json.append(UInt8(ascii: "]"))
        case (6, .bytes(let list)):
            json.append(UInt8(ascii: "{"))
            try appendMembers(list, to: &json, depth: depth) { member, json in
                try appendPair(member, to: &json, depth: depth)
            }
            json.append(UInt8(ascii: "}"))
        case (7, .bytes(let data)):
            json.append(UInt8(ascii: "\""))
            json += hex("", data).value.utf8
            json.append(UInt8(ascii: "\""))
        default: json += "null".utf8
        }
    }

    private static func appendMembers(
        _ list: ArraySlice<UInt8>, to json: inout [UInt8], depth: Int,
        _ body: (ArraySlice<UInt8>, inout [UInt8]) throws -> Void
    ) throws {
        var isFirst = true
        var reader = ProtobufReader(list)
        while let (field, value) = try reader.next() {
            guard field == 1, case .bytes(let member) = value else { continue }
            if !isFirst { json.append(UInt8(ascii: ",")) }
            isFirst = false
            try body(member, &json)
        }
    }

    private static func appendAny(
        _ any: ArraySlice<UInt8>, to json: inout [UInt8], depth: Int
    ) throws {
        var reader = ProtobufReader(any)
        guard let (field, value) = try reader.next() else {
            json += "null".utf8
            return
        }
        try append(field, value, to: &json, depth: depth + 1)
    }

    private static func appendPair(
        _ pair: ArraySlice<UInt8>, to json: inout [UInt8], depth: Int
    ) throws {
        var (name, any): (ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [])
        var reader = ProtobufReader(pair)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)): name = bytes
            case (2, .bytes(let bytes)): any = bytes
            default: continue
            }
        }
        name.withUnsafeBytes { JSONText.append($0, to: &json) }
        json.append(UInt8(ascii: ":"))
        try appendAny(any, to: &json, depth: depth)
    }

    // MARK: JSON

    static func json(
        _ document: [UInt8], _ limits: ReceiveLimits
    ) throws(ReceiveError) -> [PushedStream] {
        guard let root = JSONValue(document), case .array(let resources) = root["resourceLogs"]
        else { throw .malformed("the body is not a JSON object with a list `resourceLogs`") }
        var request = OTLPLogsReader(limits)
        guard resources.count <= limits.streams * 10 else {
            throw .tooLarge("the request has too many resources")
        }
        for resource in resources {
            var stream = PushedStream()
            let labels = resource["resource"]["attributes"].array.prefix(limits.labels + 1).map {
                Label(name: label($0["key"].string ?? ""), value: text($0["value"]))
            }
            stream.labels = Labels(labels).pairs
            for scope in resource["scopeLogs"].array {
                for record in scope["logRecords"].array {
                    try request.count()
                    stream.lines.append(request.line(record))
                }
            }
            request.streams.append(stream)
        }
        return request.streams
    }

    private func line(_ record: JSONValue) -> PushedStream.Line {
        var line = PushedStream.Line()
        line.time = Self.whole(record["timeUnixNano"])
        if line.time == 0 { line.time = Self.whole(record["observedTimeUnixNano"]) }
        line.text = Array(Self.text(record["body"]).utf8)[...]
        for pair in record["attributes"].array.prefix(limits.labels) {
            line.attributes.append(
                Label(name: pair["key"].string ?? "", value: Self.text(pair["value"])))
        }
        for (key, name) in [
            ("traceId", "trace_id"), ("spanId", "span_id"), ("eventName", "event_name"),
        ] {
            guard let text = record[key].string, !text.isEmpty else { continue }
            line.attributes.append(Label(name: name, value: text))
        }
        let number = UInt64(clamping: Self.whole(record["severityNumber"]))
        if let level = Self.level(number, record["severityText"].string ?? "") {
            line.attributes.append(Label(name: "level", value: level))
        }
        return line
    }

    /// A whole number, which the mapping writes as a text when it has 64 bits.
    private static func whole(_ value: JSONValue) -> Int64 {
        value.int ?? value.string.flatMap { Int64($0) } ?? 0
    }

    private static func text(_ any: JSONValue) -> String {
        if let text = any["stringValue"].string { return text }
        var json = JSONWriter()
        append(any, to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private static func append(_ any: JSONValue, to json: inout JSONWriter) {
        guard let (kind, value) = any.object.first else { return json.raw("null") }
        switch (kind, value) {
        case ("arrayValue", _):
            json.raw("[")
            for (order, member) in value["values"].array.enumerated() {
                if order > 0 { json.raw(",") }
                append(member, to: &json)
            }
            json.raw("]")
        case ("kvlistValue", _):
            json.raw("{")
            for (order, pair) in value["values"].array.enumerated() {
                if order > 0 { json.raw(",") }
                json.string(pair["key"].string ?? "")
                json.raw(":")
                append(pair["value"], to: &json)
            }
            json.raw("}")
        case ("intValue", .string(let digits)): json.integer(Int64(digits) ?? 0)
        case (_, .string(let text)): json.string(text)
        case (_, .bool(let truth)): json.raw(truth ? "true" : "false")
        case (_, .number(let number)):
            json.raw(bytes: Array((Int64(exactly: number).map { "\($0)" } ?? "\(number)").utf8))
        default: json.raw("null")
        }
    }
}
