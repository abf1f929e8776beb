// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model
import PromQL

/// The parameters of a request: of its address, and of a form in its body.
struct Parameters: Sendable {
    let pairs: [(name: String, value: String)]

    /// Throws when a percent-encoding is wrong.
    init(query: String, form: [UInt8] = []) throws(APIError) {
        // The form's values come first, as for Go's servers.
        pairs = try Self.decode(form[...]) + Self.decode(Array(query.utf8)[...])
    }

    /// The pairs of an `application/x-www-form-urlencoded` text.
    private static func decode(
        _ text: ArraySlice<UInt8>
    ) throws(APIError) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for pair in text.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = equals < pair.endIndex ? try unescape(pair[(equals + 1)...]) : ""
            pairs.append((try unescape(pair[..<equals]), value))
        }
        return pairs
    }

    private static func unescape(_ bytes: ArraySlice<UInt8>) throws(APIError) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var i = bytes.startIndex
        while i < bytes.endIndex {
            if bytes[i] == UInt8(ascii: "%") {
                guard i + 2 < bytes.endIndex, let high = nibble(bytes[i + 1]),
                    let low = nibble(bytes[i + 2])
                else {
                    let text = String(decoding: bytes[i...].prefix(3), as: UTF8.self)
                    throw APIError(
                        .badData, "error parsing form values: invalid URL escape \"\(text)\"")
                }
                result.append(high << 4 | low)
                i += 3
            } else {
                result.append(bytes[i] == UInt8(ascii: "+") ? 0x20 : bytes[i])
                i += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46, 0x61...0x66: (byte | 0x20) - 0x61 + 10
        default: nil
        }
    }

    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// The first value of `name`, unless it is empty.
    func first(_ name: String) -> String? {
        pairs.first { $0.name == name }.flatMap { $0.value.isEmpty ? nil : $0.value }
    }

    /// How many items an answer may have; all when it is 0 or not given.
    func limit() throws(APIError) -> Int {
        guard let text = first("limit") else { return .max }
        guard let limit = Int(text) else {
            throw .parameter("limit", "\"\(text.prefix(40))\" is no number")
        }
        guard limit >= 0 else { throw .parameter("limit", "limit must be non-negative") }
        return limit == 0 ? .max : limit
    }

    /// A whole number, or nil when it is not given.
    func number(_ name: String) throws(APIError) -> Int? {
        guard let text = first(name) else { return nil }
        guard let number = Int(text) else { throw APIError(.badData, "\(name) must be a number") }
        return number
    }

    /// An optional time.
    func time(_ name: String, default time: Milliseconds) throws(APIError) -> Milliseconds {
        guard let text = first(name) else { return time }
        do { return try Self.time(text) } catch {
            throw .parameter(name, "invalid time value for '\(name)': \(error.message)")
        }
    }

    /// A time that must be given.
    func time(_ name: String) throws(APIError) -> Milliseconds {
        do { return try Self.time(first(name) ?? "") } catch {
            throw .parameter(name, error.message)
        }
    }

    /// Prometheus' words for the first and the last time there is, in Go's reckoning.
    private static let minTime = "-292273086-05-16T16:47:06Z"
    private static let maxTime = "292277025-08-18T07:12:54.999999999Z"

    /// Float seconds since the epoch, or RFC 3339. What is beyond the range becomes its end.
    private static func time(_ text: String) throws(APIError) -> Milliseconds {
        if let seconds = Double(text), !seconds.isNaN {
            return Milliseconds(clamping: (seconds * 1000).rounded())
        }
        if let time = RFC3339.parse(text) { return time }
        if text == minTime { return .min }
        if text == maxTime { return .max }
        throw APIError(.badData, "cannot parse \"\(text.prefix(60))\" to a valid timestamp")
    }

    /// A duration: float seconds, or as PromQL writes it.
    static func duration(_ text: String) throws(APIError) -> Milliseconds {
        if let seconds = Double(text) {
            guard seconds.magnitude < 9.2e9 else {
                throw APIError(
                    .badData,
                    "cannot parse \"\(text.prefix(60))\" to a valid duration. It overflows int64")
            }
            return Milliseconds((seconds * 1000).rounded())
        }
        if let duration = PromQLDuration.parse(text) { return duration }
        throw APIError(.badData, "cannot parse \"\(text.prefix(60))\" to a valid duration")
    }

    /// The duration `name`, or nil when it is not given.
    func duration(_ name: String) throws(APIError) -> Milliseconds? {
        guard let text = first(name) else { return nil }
        do { return try Self.duration(text) } catch { throw .parameter(name, error.message) }
    }

    static func now() -> Milliseconds { Clock.realtimeMilliseconds() }
}

extension Milliseconds {
    /// The nearest that can be held.
    init(clamping value: Double) {
        self = value >= 9e18 ? .max : value <= -9e18 ? .min : Milliseconds(value)
    }
}
