// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
import Model
import Rules

/// Prometheus' HTTP API v1: rules and alerts
/// (https://prometheus.io/docs/prometheus/latest/querying/api/#rules).
enum RuleRoutes {
    static let all = [
        Endpoint(path: "/api/v1/rules") { try rules($0) },
        Endpoint(path: "/api/v1/alerts") { alerts($0) },
    ]

    /// Which rules are asked for.
    private struct Filter {
        var kind: Rule.Kind?
        var names: Set<String>
        var groups: Set<String>
        var files: Set<String>
        var selectors: [CompiledMatchers]

        init(_ call: APICall) throws {
            let parameters = call.parameters
            switch parameters.first("type") ?? "" {
            case "": kind = nil
            case "alert": kind = .alerting
            case "record": kind = .recording
            case let other:
                throw APIError.parameter("type", "not supported value \"\(other)\"")
            }
            names = Set(parameters.all("rule_name[]"))
            groups = Set(parameters.all("rule_group[]"))
            files = Set(parameters.all("file[]"))
            selectors =
                parameters.all("match[]").isEmpty
                ? [] : try call.selectors(required: true).map { try CompiledMatchers($0) }
        }

        func includes(_ group: GroupStatus) -> Bool {
            (groups.isEmpty || groups.contains(group.name))
                && (files.isEmpty || files.contains(group.file))
        }

        func includes(_ one: RuleStatus) -> Bool {
            guard kind == nil || kind == one.rule.kind,
                names.isEmpty || names.contains(one.rule.name)
            else { return false }
            let labels = Labels(one.labels)
            return selectors.isEmpty || selectors.contains { $0.match(labels) }
        }
    }

    private static func rules(_ call: APICall) throws -> Answer {
        let filter = try Filter(call)
        let excludesAlerts = try boolean("exclude_alerts", call)
        let all = call.services.ruleGroups()
        let (groups, next) = try page(all.filter(filter.includes), call)
        return Answer.success { json in
            json.raw("{\"groups\":")
            let shown = groups.compactMap { group -> GroupStatus? in
                var group = group
                group.rules = group.rules.filter(filter.includes)
                return group.rules.isEmpty ? nil : group
            }
            json.list(shown) { write($1, withAlerts: !excludesAlerts, &$0) }
            if let next {
                json.raw(",\"groupNextToken\":")
                json.string(next)
            }
            json.raw("}")
        }
    }

    private static func boolean(_ name: String, _ call: APICall) throws -> Bool {
        switch call.parameters.first(name) ?? "" {
        case "", "0", "f", "F", "false", "False", "FALSE": return false
        case "1", "t", "T", "true", "True", "TRUE": return true
        case let other:
            throw APIError.parameter(name, "\"\(other.prefix(40))\" is neither true nor false")
        }
    }

    /// The groups from `group_next_token` on, `group_limit` of them, and the token for the rest.
    private static func page(
        _ groups: [GroupStatus], _ call: APICall
    ) throws -> (ArraySlice<GroupStatus>, String?) {
        let token = call.parameters.first("group_next_token") ?? ""
        guard let text = call.parameters.first("group_limit"), !text.isEmpty else {
            guard token.isEmpty else {
                throw APIError.parameter(
                    "group_limit", "group_limit needs to be specified with group_next_token")
            }
            return (groups[...], nil)
        }
        guard let limit = Int(text), limit > 0 else {
            throw APIError.parameter("group_limit", "group_limit needs to be a positive number")
        }
        var start = 0
        if !token.isEmpty {
            guard let found = groups.firstIndex(where: { Self.token($0) == token }) else {
                throw APIError.parameter(
                    "group_next_token", "invalid group_next_token: the rules have changed")
            }
            start = found
        }
        let end = min(start + limit, groups.count)
        return (groups[start..<end], end < groups.count ? Self.token(groups[end]) : nil)
    }

    private static func token(_ group: GroupStatus) -> String {
        Fingerprint(["file": group.file, "group": group.name]).description
    }

    private static func alerts(_ call: APICall) -> Answer {
        let alerts = call.services.ruleGroups().flatMap { $0.rules.flatMap(\.alerts) }
        return Answer.success { json in
            json.raw("{\"alerts\":")
            json.list(alerts) { write($1, &$0) }
            json.raw("}")
        }
    }

    // MARK: JSON

    private static func write(
        _ group: GroupStatus, withAlerts: Bool, _ json: inout JSONWriter
    ) {
        json.raw("{\"name\":")
        json.string(group.name)
        json.raw(",\"file\":")
        json.string(group.file)
        json.raw(",\"rules\":")
        json.list(group.rules) { json, one in
            if one.rule.kind == .alerting {
                writeAlerting(one, withAlerts: withAlerts, &json)
            } else {
                writeRecording(one, &json)
            }
        }
        json.raw(",\"interval\":")
        json.number(Double(group.interval) / 1000)
        json.raw(",\"limit\":")
        json.integer(Int64(group.limit))
        json.raw(",\"evaluationTime\":")
        json.number(group.seconds)
        json.raw(",\"lastEvaluation\":")
        json.string(time(group.evaluatedAt))
        json.raw("}")
    }

    private static func writeAlerting(
        _ one: RuleStatus, withAlerts: Bool, _ json: inout JSONWriter
    ) {
        json.raw("{\"state\":")
        json.string(one.state.rawValue)
        json.raw(",\"name\":")
        json.string(one.rule.name)
        json.raw(",\"query\":")
        json.string(one.rule.expression)
        json.raw(",\"duration\":")
        json.number(Double(one.rule.holdDuration) / 1000)
        json.raw(",\"keepFiringFor\":")
        json.number(Double(one.rule.keepFiringFor) / 1000)
        json.raw(",\"labels\":")
        json.object(one.labels.map { ($0.name, $0.value) })
        json.raw(",\"annotations\":")
        json.object(one.rule.annotations.map { ($0.name, $0.value) })
        json.raw(",\"alerts\":")
        json.list(withAlerts ? one.alerts : []) { write($1, &$0) }
        writeHealth(one, "alerting", &json)
    }

    private static func writeRecording(_ one: RuleStatus, _ json: inout JSONWriter) {
        json.raw("{\"name\":")
        json.string(one.rule.name)
        json.raw(",\"query\":")
        json.string(one.rule.expression)
        if !one.labels.isEmpty {
            json.raw(",\"labels\":")
            json.object(one.labels.map { ($0.name, $0.value) })
        }
        writeHealth(one, "recording", &json)
    }

    private static func writeHealth(
        _ one: RuleStatus, _ type: String, _ json: inout JSONWriter
    ) {
        json.raw(",\"health\":")
        json.string(one.health.rawValue)
        if !one.lastError.isEmpty {
            json.raw(",\"lastError\":")
            json.string(one.lastError)
        }
        json.raw(",\"evaluationTime\":")
        json.number(one.seconds)
        json.raw(",\"lastEvaluation\":")
        json.string(time(one.evaluatedAt))
        json.raw(",\"type\":")
        json.string(type)
        json.raw("}")
    }

    private static func write(_ alert: Alert, _ json: inout JSONWriter) {
        json.raw("{\"labels\":")
        json.labels(alert.labels)
        json.raw(",\"annotations\":")
        json.labels(alert.annotations)
        json.raw(",\"state\":")
        json.string(alert.state.rawValue)
        json.raw(",\"activeAt\":")
        json.string(time(alert.activeAt))
        json.raw(",\"value\":")
        json.string(NumberText.scientific(alert.value))
        json.raw("}")
    }

    /// A time, or Go's zero time.
    private static func time(_ time: Milliseconds?) -> String {
        time.map(RFC3339.format) ?? "0001-01-01T00:00:00Z"
    }
}
