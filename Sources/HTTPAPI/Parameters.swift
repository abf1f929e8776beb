// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Model
import NIOCore
import PromQL

/// The parameters of a request: of its address, and of a form in its body.
struct Parameters: Sendable {
    private let pairs: [(name: String, value: String)]

    /// Bytes a form may have.
    static let maxBody = 1 << 20

    init(_ request: Request) async throws {
        var found = Self.decode(request.uri.query ?? "")
        if request.method == .post {
            let body = try await request.body.collect(upTo: Self.maxBody)
            found += Self.decode(String(buffer: body))
        }
        pairs = found
    }

    /// The pairs of an `application/x-www-form-urlencoded` text.
    private static func decode(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (unescape(parts[0]), parts.count > 1 ? unescape(parts[1]) : "")
        }
    }

    /// Undoes percent-encoding; a `%` that starts no escape stays as it is.
    private static func unescape(_ text: Substring) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var i = 0
        while i < bytes.count {
            let hex = bytes[i...].dropFirst().prefix(2)
            if bytes[i] == UInt8(ascii: "%"), hex.count == 2,
                let byte = UInt8(String(decoding: hex, as: UTF8.self), radix: 16)
            {
                result.append(byte)
                i += 3
            } else {
                result.append(bytes[i] == UInt8(ascii: "+") ? 0x20 : bytes[i])
                i += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    func first(_ name: String) -> String? { pairs.first { $0.name == name }?.value }

    func required(_ name: String) throws(QueryError) -> String {
        guard let value = first(name), !value.isEmpty else {
            throw QueryError(.badData, "invalid parameter \"\(name)\": it is missing")
        }
        return value
    }

    /// How many items an answer may have; all when it is 0 or not given.
    var limit: Int { first("limit").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } ?? .max }

    /// A time: float seconds since the epoch, or RFC 3339.
    func time(_ name: String) throws(QueryError) -> Milliseconds? {
        guard let text = first(name), !text.isEmpty else { return nil }
        if let seconds = Double(text), seconds.isFinite {
            return Milliseconds(clamping: (seconds * 1000).rounded())
        }
        if let time = RFC3339.parse(text) { return time }
        throw QueryError(
            .badData,
            "invalid parameter \"\(name)\": cannot parse \"\(text.prefix(60))\" to a valid timestamp"
        )
    }

    /// A step: float seconds, or a duration.
    func step() throws(QueryError) -> Milliseconds {
        let text = try required("step")
        if let seconds = Double(text), seconds.isFinite {
            return Milliseconds(clamping: (seconds * 1000).rounded())
        }
        if let step = PromQLDuration.parse(text) { return step }
        throw QueryError(
            .badData,
            "invalid parameter \"step\": cannot parse \"\(text.prefix(60))\" to a valid duration")
    }

    static func now() -> Milliseconds { Milliseconds(clamping: Double(UInt64.realtime)) }
}

extension Milliseconds {
    /// The nearest that can be held.
    init(clamping value: Double) {
        self = value >= 9e18 ? .max : value <= -9e18 ? .min : Milliseconds(value)
    }
}
