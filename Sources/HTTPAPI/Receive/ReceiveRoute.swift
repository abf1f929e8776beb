// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import Interchange
import NIOCore

/// What a sender is told.
struct ReceiveReply: Sendable {
    var status: HTTPResponse.Status
    var contentType = "text/plain; charset=utf-8"
    var body: [UInt8] = []
    var headers: HTTPFields = [:]
    /// What became of the request, when it was understood.
    var receipt: Receipt?

    /// The failure of a request of which nothing was stored, in words.
    init(_ error: ReceiveError) {
        switch error {
        case .malformed: status = .badRequest
        case .tooLarge: status = .contentTooLarge
        case .unsupported: status = .unsupportedMediaType
        case .unavailable: status = .serviceUnavailable
        }
        body = Array((error.description + "\n").utf8)
        if case .unavailable = error { headers[.retryAfter] = "5" }
    }

    init(status: HTTPResponse.Status, body: [UInt8] = []) {
        self.status = status
        self.body = body
    }

    /// What Prometheus and Loki say: 204, or 400 when something of it was refused for good; the rest
    /// is stored then.
    init(_ receipt: Receipt) {
        self.receipt = receipt
        guard receipt.refusedCount > 0 else {
            status = .noContent
            return
        }
        status = .badRequest
        let reason = receipt.reason ?? "refused"
        body = Array(
            ("\(receipt.refusedCount) refused, \(receipt.accepted) stored: \(reason)\n").utf8)
    }

    var response: Response {
        var fields = headers
        if !body.isEmpty || status == .ok { fields[.contentType] = contentType }
        return Response(
            status: status, headers: fields, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// One protocol: where it is asked, and how a request becomes an answer.
struct ReceiveRoute: Sendable {
    /// What it is called in metrics.
    let name: String
    let path: String
    /// Takes a body. Blocks while it is stored.
    let take: @Sendable (HTTPFields, [UInt8]) -> ReceiveReply

    /// The media type without parameters, and the parameter `proto`.
    private static func type(_ headers: HTTPFields) -> (type: String, proto: String) {
        let parts = (headers[.contentType] ?? "").split(separator: ";").map {
            $0.filter { $0 != " " && $0 != "\"" }
        }
        let proto = parts.dropFirst().first { $0.lowercased().hasPrefix("proto=") }
        return ((parts.first ?? "").lowercased(), String(proto?.dropFirst(6) ?? ""))
    }

    private static func unsupported(_ headers: HTTPFields, _ wanted: String) -> ReceiveReply {
        let given = headers[.contentType] ?? "none"
        return ReceiveReply(
            .unsupported(
                "the Content-Type `\(given.prefix(100))` is not understood: send \(wanted)"))
    }

    // MARK: Remote write

    private static let written: [(kind: String, field: HTTPFields.Element.Name)] =
        ["Samples", "Histograms", "Exemplars"].compactMap { kind in
            HTTPFields.Element.Name("X-Prometheus-Remote-Write-\(kind)-Written").map { (kind, $0) }
        }

    static func remoteWrite(_ intake: MetricIntake) -> ReceiveRoute {
        ReceiveRoute(name: "remote_write", path: "/api/v1/write") { headers, body in
            let (type, proto) = type(headers)
            let version: MetricIntake.Version
            switch (type, proto) {
            case ("application/x-protobuf", ""), ("", ""),
                ("application/x-protobuf", "prometheus.WriteRequest"):
                version = .one
            case ("application/x-protobuf", "io.prometheus.write.v2.Request"): version = .two
            default:
                return unsupported(
                    headers,
                    "application/x-protobuf, of prometheus.WriteRequest or "
                        + "io.prometheus.write.v2.Request")
            }
            var reply: ReceiveReply
            do throws(ReceiveError) {
                reply = ReceiveReply(
                    try intake.take(
                        body, version: version,
                        encoding: headers[.contentEncoding] ?? "snappy"))
            } catch { reply = ReceiveReply(error) }
            guard version == .two else { return reply }
            let samples = reply.receipt.map { $0.accepted + $0.duplicates } ?? 0
            for (kind, field) in written {
                reply.headers[field] = kind == "Samples" ? "\(samples)" : "0"
            }
            return reply
        }
    }

    // MARK: Loki

    static func lokiPush(_ intake: LogIntake) -> ReceiveRoute {
        ReceiveRoute(name: "loki", path: "/loki/api/v1/push") { headers, body in
            let format: LogIntake.Format
            switch type(headers).type {
            case "application/x-protobuf", "": format = .loki
            case "application/json": format = .lokiJSON
            default: return unsupported(headers, "application/x-protobuf or application/json")
            }
            let usual = format == .loki ? "snappy" : ""
            do throws(ReceiveError) {
                return ReceiveReply(
                    try intake.take(
                        body, format: format, encoding: headers[.contentEncoding] ?? usual))
            } catch { return ReceiveReply(error) }
        }
    }

    // MARK: OTLP

    static func otlpLogs(_ intake: LogIntake) -> ReceiveRoute {
        ReceiveRoute(name: "otlp_logs", path: "/v1/logs") { headers, body in
            let format: LogIntake.Format
            switch type(headers).type {
            case "application/x-protobuf": format = .otlp
            case "application/json": format = .otlpJSON
            default: return unsupported(headers, "application/x-protobuf or application/json")
            }
            var reply: ReceiveReply
            do throws(ReceiveError) {
                let receipt = try intake.take(
                    body, format: format, encoding: headers[.contentEncoding] ?? "")
                reply = ReceiveReply(status: .ok)
                reply.receipt = receipt
                reply.body = answer(receipt, format)
            } catch {
                reply = ReceiveReply(error)
                reply.body = failure(error.description, format)
            }
            reply.contentType =
                format == .otlpJSON ? "application/json" : "application/x-protobuf"
            return reply
        }
    }

    /// An `ExportLogsServiceResponse`.
    private static func answer(_ receipt: Receipt, _ format: LogIntake.Format) -> [UInt8] {
        let rejected = receipt.refusedCount
        if format == .otlpJSON {
            var json = JSONWriter()
            json.raw("{")
            if rejected > 0 {
                json.raw("\"partialSuccess\":{\"rejectedLogRecords\":\"")
                json.integer(Int64(rejected))
                json.raw("\",\"errorMessage\":")
                json.string(receipt.reason ?? "")
                json.raw("}")
            }
            json.raw("}")
            return json.bytes
        }
        guard rejected > 0 else { return [] }
        var partial = ProtobufWriter()
        partial.varint(1, UInt64(rejected))
        partial.string(2, receipt.reason ?? "")
        var answer = ProtobufWriter()
        answer.message(1, partial)
        return answer.bytes
    }

    /// A `google.rpc.Status`.
    private static func failure(_ reason: String, _ format: LogIntake.Format) -> [UInt8] {
        if format == .otlpJSON {
            var json = JSONWriter()
            json.raw("{\"message\":")
            json.string(reason)
            json.raw("}")
            return json.bytes
        }
        var status = ProtobufWriter()
        status.string(2, reason)
        return status.bytes
    }
}
