// SPDX-License-Identifier: Apache-2.0

import Codecs
import FoundationEssentials
import Linux
import Logs
import Matching
import Model

/// An alert as `/api/v1/alerts` has it.
struct AlertRecord: Codable {
    var labels: [String: String]
    var annotations: [String: String]
    var state: String
    var activeAt: String
    var value: String

    var name: String { labels["alertname"] ?? "" }

    /// Seconds since the expression became true.
    var age: Double? {
        RFC3339.parse(activeAt).map { Double(Clock.realtimeMilliseconds() - $0) / 1000 }
    }

    /// The labels, for matchers.
    var modelLabels: Labels { Labels(labels.map { Label(name: $0.key, value: $0.value) }) }

    /// What it is about, in a word or two.
    var subject: String { Self.subject(labels) }

    static func subject(_ labels: [String: String]) -> String {
        let telling = ["name", "container", "mountpoint", "device", "resource", "collector"]
        return telling.compactMap { labels[$0] }.prefix(2).joined(separator: " ")
    }

    /// All alerts, firing ones first, oldest first.
    static func fetch(_ client: APIClient) async throws -> [AlertRecord] {
        struct List: Decodable { var alerts: [AlertRecord] }
        let all = try await client.data("/api/v1/alerts", as: List.self).data?.alerts ?? []
        return all.sorted { ($0.state, $0.activeAt, $0.name) < ($1.state, $1.activeAt, $1.name) }
    }

    /// Matchers of the command line.
    static func parse(_ texts: [String]) throws -> [Matcher] {
        var all: [Matcher] = []
        for text in texts {
            do { all += try MatcherText.parse(text) } catch { throw Failure(.usage, "\(error)") }
        }
        return all
    }

    /// Matchers of the command line, ready to be tried.
    static func compile(_ texts: [String]) throws -> CompiledMatchers {
        let parsed = try parse(texts)
        do { return try CompiledMatchers(parsed) } catch { throw Failure(.usage, "\(error)") }
    }
}

/// An alerting rule as `/api/v1/rules` has it.
struct AlertRule: Decodable {
    var name: String
    var query: String
    var duration: Double

    /// All alerting rules.
    static func fetch(_ client: APIClient) async throws -> [AlertRule] {
        struct List: Decodable { var groups: [Group] }
        struct Group: Decodable { var rules: [Entry] }
        struct Entry: Decodable {
            var name: String
            var query: String
            var duration: Double?
            var type: String
        }
        let groups = try await client.data("/api/v1/rules", as: List.self).data?.groups ?? []
        return groups.flatMap(\.rules).filter { $0.type == "alerting" }.map {
            AlertRule(name: $0.name, query: $0.query, duration: $0.duration ?? 0)
        }
    }
}

/// A silence as `/api/v2/silences` has it.
struct SilenceRecord: Codable {
    struct Status: Codable { var state: String }
    struct One: Codable {
        var name: String
        var value: String
        var isRegex: Bool
        var isEqual: Bool
    }

    var id: String
    var status: Status
    var matchers: [One]
    var startsAt: String
    var endsAt: String
    var createdBy: String
    var comment: String

    var modelMatchers: [Matcher] {
        matchers.map { one in
            let operation: Matcher.Operation =
                one.isRegex
                ? one.isEqual ? .matches : .matchesNot : one.isEqual ? .equal : .notEqual
            return Matcher(one.name, operation, one.value)
        }
    }

    /// Whether it holds now and covers an alert.
    func covers(_ alert: AlertRecord) -> Bool {
        guard status.state == "active", let compiled = try? CompiledMatchers(modelMatchers) else {
            return false
        }
        return compiled.match(alert.modelLabels)
    }

    /// All silences; none of a server that has no such thing.
    static func fetch(_ client: APIClient) async throws -> [SilenceRecord] {
        try await client.list("/api/v2/silences", of: SilenceRecord.self)
    }
}

/// When a silence ends.
enum SilenceTime {
    static func end(
        after duration: String, until: String?, now: Milliseconds
    ) throws -> Milliseconds {
        do {
            if let until {
                return try TimeExpression.parse(until, now: now * 1_000_000) / 1_000_000
            }
            // A time so long ago, turned around.
            let past = try TimeExpression.parse(duration, now: now * 1_000_000) / 1_000_000
            guard past < now, now - past < 366 * 86_400_000 else {
                throw Failure(.usage, "--for: expected a duration up to a year, such as 2h")
            }
            return 2 * now - past
        } catch let error as TimeExpression.Failure { throw Failure(.usage, "\(error)") }
    }
}
