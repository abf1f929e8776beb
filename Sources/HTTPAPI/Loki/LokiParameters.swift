// SPDX-License-Identifier: Apache-2.0

import Codecs
import LogQL
import Model
import PromQL

/// The parameters of Loki's API, of which times are in nanoseconds.
struct LokiParameters {
    let parameters: Parameters
    private let now: Int64

    init(_ call: APICall) { self.init(call.parameters) }

    init(_ parameters: Parameters) {
        self.parameters = parameters
        let (nanoseconds, overflow) = Parameters.now().multipliedReportingOverflow(by: 1_000_000)
        now = overflow ? .max : nanoseconds
    }

    /// The query; an empty one is for the parser to refuse.
    var query: String { parameters.first("query") ?? "" }

    /// `start` to `end`: the last hour, or `since`, when they are not given.
    func range() throws(APIError) -> (start: Int64, end: Int64) {
        let end = try time("end") ?? now
        var since: Int64 = 3_600_000_000_000
        if let text = parameters.first("since") {
            guard let length = GoDuration.parse(text) else {
                throw APIError(.badData, "could not parse 'since' parameter: \(text.prefix(40))")
            }
            since = length
        }
        let start = try time("start") ?? end.subtractingReportingOverflow(since).partialValue
        guard start <= end else {
            throw APIError(
                .badData, "end timestamp must not be before or equal to start time")
        }
        return (start, end)
    }

    /// The time of an instant query.
    func time() throws(APIError) -> Int64 { try time("time") ?? now }

    /// A time: RFC 3339, seconds with a point, or a whole number, which are seconds when it has no
    /// more than ten digits and nanoseconds otherwise.
    private func time(_ name: String) throws(APIError) -> Int64? {
        guard let text = parameters.first(name) else { return nil }
        if let number = Int64(text) {
            guard text.utf8.count <= 10 else { return number }
            return number * 1_000_000_000
        }
        if let seconds = Double(text), seconds.isFinite, seconds.magnitude < 9e9 {
            return Int64((seconds * 1e9).rounded())
        }
        if let milliseconds = RFC3339.parse(text), milliseconds.magnitude < 9_000_000_000_000 {
            // What is finer than a millisecond stands behind the point.
            let digits = text.drop { $0 != "." }.dropFirst().prefix { $0.isASCII && $0.isNumber }
            let finer = Int64((digits + "000000000").prefix(9).dropFirst(3)) ?? 0
            return milliseconds * 1_000_000 + finer
        }
        throw APIError(
            .badData, "could not parse '\(name)' parameter: \(text.prefix(60)) is no time")
    }

    /// The step in milliseconds; a 250th of the range, at least a second, when it is not given.
    func step(_ start: Int64, _ end: Int64) throws(APIError) -> Milliseconds {
        guard let text = parameters.first("step") else {
            return max(1, (end / 1_000_000_000 - start / 1_000_000_000) / 250) * 1000
        }
        return try duration(text, "step") / 1_000_000
    }

    /// Nanoseconds between the lines of a stream.
    func interval() throws(APIError) -> Int64 {
        guard let text = parameters.first("interval") else { return 0 }
        let interval = try duration(text, "interval")
        guard interval >= 0 else {
            throw APIError(.badData, "interval must be >= 0")
        }
        return interval
    }

    private func duration(_ text: String, _ name: String) throws(APIError) -> Int64 {
        if let seconds = Double(text), seconds.magnitude < 9e9 { return Int64(seconds * 1e9) }
        if let nanoseconds = GoDuration.parse(text) { return nanoseconds }
        throw APIError(
            .badData, "cannot parse \"\(text.prefix(40))\" to a valid duration for '\(name)'")
    }

    /// Lines wanted.
    func limit(_ name: String = "limit", default standard: Int = 100, atMost most: Int)
        throws(APIError) -> Int
    {
        guard let text = parameters.first(name) else { return min(standard, most) }
        guard let limit = Int(text), limit > 0 else {
            throw APIError(.badData, "\(name) must be a positive value")
        }
        guard limit <= most else {
            throw APIError(
                .badData,
                "max entries limit per query exceeded, limit > max_entries_limit_per_query "
                    + "(\(limit) > \(most))")
        }
        return limit
    }

    /// Whether the oldest lines are wanted.
    func isForward() throws(APIError) -> Bool {
        switch (parameters.first("direction") ?? "backward").lowercased() {
        case "forward": return true
        case "backward": return false
        case let other:
            throw APIError(.badData, "invalid direction '\(other.prefix(40))'")
        }
    }

    /// The conditions of a selector in `name`; none when it is not given.
    func matchers(_ name: String) throws(APIError) -> [Matcher] {
        guard let text = parameters.first(name) else { return [] }
        return try Self.matchers(text)
    }

    /// The conditions of a selector; of a whole query, those of its selector.
    static func matchers(_ text: String) throws(APIError) -> [Matcher] {
        do throws(QueryError) {
            if let matchers = try? LogParser.matchers(text) { return matchers }
            return try LogParser.pipeline(text).matchers
        } catch { throw APIError(.badData, error.message) }
    }
}
