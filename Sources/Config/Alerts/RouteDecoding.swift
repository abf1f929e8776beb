// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import Notify
import YAML

/// Routes and inhibition out of YAML.
enum RouteDecoding {
    private static let keys = [
        "receiver", "matchers", "continue", "group_by", "group_wait", "group_interval",
        "repeat_interval", "mute_time_intervals", "active_time_intervals", "routes",
    ]

    /// The tree's root. Children have what they do not say from the node above, as in Alertmanager.
    static func root(
        _ node: YAMLNode, _ references: inout [AlertReference]
    ) throws(ValueError) -> Route {
        let fields = try Fields(node, "route", known: keys)
        for name in ["matchers", "continue", "mute_time_intervals", "active_time_intervals"] {
            guard let node = fields[name] else { continue }
            throw ValueError("the root of the routes takes everything; no `\(name)`", at: node.mark)
        }
        guard fields["receiver"] != nil else {
            throw ValueError("the root of the routes needs `receiver`", at: fields.mark)
        }
        return try route(fields, below: Route(receiver: ""), &references)
    }

    private static func route(
        _ fields: Fields, below parent: Route, _ references: inout [AlertReference]
    ) throws(ValueError) -> Route {
        var route = parent
        route.routes = []
        route.continues = try fields.bool("continue") ?? false
        route.matchers = try matchers(fields, "matchers")
        if let name = try fields.text("receiver") {
            route.receiver = name
            references.append(
                AlertReference(
                    kind: .receiver, name: name, mark: fields["receiver"]?.mark ?? fields.mark))
        }
        if let names = try fields.texts("group_by") {
            route.grouping = names.contains("...") ? .all : .labels(names)
        }
        let span: ClosedRange<Int64> = 0...86_400_000 * 365
        if let time = try fields.duration("group_wait", span) { route.groupWait = time }
        let positive = 1000...span.upperBound
        if let time = try fields.duration("group_interval", positive) { route.groupInterval = time }
        if let time = try fields.duration("repeat_interval", positive) {
            route.repeatInterval = time
        }
        route.muteTimeIntervals = try intervals(fields, "mute_time_intervals", &references)
        route.activeTimeIntervals = try intervals(fields, "active_time_intervals", &references)
        for child in try fields.list("routes") {
            let fields = try Fields(child, "a route", known: keys)
            route.routes.append(try Self.route(fields, below: route, &references))
        }
        return route
    }

    private static func intervals(
        _ fields: Fields, _ key: String, _ references: inout [AlertReference]
    ) throws(ValueError) -> [String] {
        var names: [String] = []
        for node in try fields.list(key) {
            let name = try Value.text(node)
            references.append(AlertReference(kind: .timeInterval, name: name, mark: node.mark))
            names.append(name)
        }
        return names
    }

    static func inhibitRules(_ node: YAMLNode) throws(ValueError) -> [InhibitRule] {
        var rules: [InhibitRule] = []
        for item in try Value.list(node) {
            let fields = try Fields(
                item, "an inhibit rule", known: ["source_matchers", "target_matchers", "equal"])
            let rule = InhibitRule(
                source: try matchers(fields, "source_matchers"),
                target: try matchers(fields, "target_matchers"),
                equal: try fields.texts("equal") ?? [])
            guard !rule.source.isEmpty, !rule.target.isEmpty else {
                throw ValueError(
                    "an inhibit rule needs source_matchers and target_matchers", at: fields.mark)
            }
            rules.append(rule)
        }
        return rules
    }

    /// A list of texts, each a matcher or several.
    private static func matchers(_ fields: Fields, _ key: String) throws(ValueError) -> [Matcher] {
        var all: [Matcher] = []
        for node in try fields.list(key) {
            let text = try Value.text(node)
            do {
                let parsed = try MatcherText.parse(text)
                _ = try CompiledMatchers(parsed)
                all += parsed
            } catch {
                throw ValueError("`\(key)`: \(error)", at: node.mark)
            }
        }
        return all
    }
}
