// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import NIOCore
import PromQL

/// Why a request has no answer, in the words of Prometheus' API v1.
struct APIError: Error, Sendable {
    enum Kind: String {
        case badData = "bad_data"
        case execution
        case timeout
        case canceled
        case unavailable
        case notFound = "not_found"
        case `internal`
    }

    let kind: Kind
    let message: String
    /// The status code when the kind alone does not say it.
    var override: HTTPResponse.Status?

    init(_ kind: Kind, _ message: String, status: HTTPResponse.Status? = nil) {
        self.kind = kind
        self.message = message
        override = status
    }

    init(_ error: QueryError) {
        self.init(Kind(rawValue: error.kind.rawValue) ?? .execution, error.message)
    }

    static func parameter(_ name: String, _ problem: String) -> APIError {
        APIError(.badData, "invalid parameter \"\(name)\": \(problem)")
    }

    var status: HTTPResponse.Status {
        if let override { return override }
        return switch kind {
        case .badData: .badRequest
        case .execution: .unprocessableContent
        case .timeout, .unavailable: .serviceUnavailable
        // What Prometheus says of a client that is gone; only a log ever sees it.
        case .canceled: .init(code: 499, reasonPhrase: "Client Closed Request")
        case .notFound: .notFound
        case .internal: .internalServerError
        }
    }
}

/// What a route has to say, before it is a response.
struct Answer: Sendable {
    var status: HTTPResponse.Status = .ok
    var contentType = "application/json"
    var body: [UInt8]
    var isCompressed = false
    var headers: HTTPFields = [:]

    /// Bytes below which compressing costs more than it saves.
    static let worthCompressing = 1400

    /// The envelope of a success around what `data` writes.
    static func success(
        warnings: [String] = [], infos: [String] = [],
        _ data: (inout JSONWriter) throws -> Void
    ) rethrows -> Answer {
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":")
        try data(&json)
        if !warnings.isEmpty {
            json.raw(",\"warnings\":")
            json.strings(warnings)
        }
        if !infos.isEmpty {
            json.raw(",\"infos\":")
            json.strings(infos)
        }
        json.raw("}")
        return Answer(body: json.bytes)
    }

    /// A success of at most `limit` strings; more are cut off with Prometheus' warning.
    static func strings(_ all: [String], limit: Int) -> Answer {
        success(warnings: all.count > limit ? [truncated] : []) { $0.strings(all.prefix(limit)) }
    }

    static let truncated = "results truncated due to limit"

    /// The envelope of a failure.
    static func failure(_ error: APIError) -> Answer {
        var json = JSONWriter()
        json.raw("{\"status\":\"error\",\"errorType\":")
        json.string(error.kind.rawValue)
        json.raw(",\"error\":")
        json.string(error.message)
        json.raw("}")
        return Answer(status: error.status, body: json.bytes)
    }

    /// Words for people.
    static func text(_ status: HTTPResponse.Status, _ text: String) -> Answer {
        Answer(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// The answer compressed, when the client takes that and it pays.
    func compressed(for request: Request) -> Answer {
        guard body.count >= Self.worthCompressing, !isCompressed,
            headers[.contentEncoding] == nil, Self.acceptsGzip(request.headers[.acceptEncoding]),
            let compressed = Gzip.compress(body)
        else { return self }
        var answer = self
        answer.body = compressed
        answer.isCompressed = true
        return answer
    }

    /// Whether an `Accept-Encoding` allows gzip (RFC 9110, section 12.5.3).
    static func acceptsGzip(_ header: String?) -> Bool {
        for item in (header ?? "").split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            guard let name = parts.first, name == "gzip" || name == "*" else { continue }
            let quality = parts.dropFirst().first { $0.hasPrefix("q=") }?.dropFirst(2)
            return quality.map { (Double($0) ?? 0) > 0 } ?? true
        }
        return false
    }

    var response: Response {
        var fields = headers
        fields[.contentType] = contentType
        if isCompressed { fields[.contentEncoding] = "gzip" }
        fields[.vary] = "Accept-Encoding"
        return Response(
            status: status, headers: fields, body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }
}
