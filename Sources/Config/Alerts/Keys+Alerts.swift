// SPDX-License-Identifier: Apache-2.0

import Notify
import YAML

extension Keys {
    /// The part of the section `alerts` that says who is told. Names and meanings are Alertmanager's.
    static let alerts: [Key] = [
        Key(
            section: "alerts", name: "alertmanagers", preset: "[]",
            comment:
                "Alertmanagers, each of which gets every alert: addresses, or mappings with url and "
                + "what docs/alerts.md lists. Reloaded on SIGHUP, as all of this section."
        ) { node, c throws(ValueError) in
            c.notify.alertmanagers = try ReceiverDecoding.alertmanagers(node)
        },
        Key(
            section: "alerts", name: "receivers", preset: "[]",
            comment:
                "Who can be told by the agent itself, with Alertmanager's keys: name and "
                + "webhook_configs, slack_configs, email_configs and others. docs/alerts.md."
        ) { node, c throws(ValueError) in c.notify.receivers = try ReceiverDecoding.receivers(node)
        },
        Key(
            section: "alerts", name: "route", preset: "{}",
            comment:
                "Which receiver is told of what, as in Alertmanager: receiver, group_by, routes."
        ) { node, c throws(ValueError) in
            if case .map(let pairs) = node.content, pairs.isEmpty {
                c.notify.route = nil
            } else {
                c.notify.route = try RouteDecoding.root(node, &c.alertReferences)
            }
        },
        Key(
            section: "alerts", name: "inhibit_rules", preset: "[]",
            comment: "Which alerts keep others quiet: source_matchers, target_matchers, equal."
        ) { node, c throws(ValueError) in
            c.notify.inhibitRules = try RouteDecoding.inhibitRules(node)
        },
        Key(
            section: "alerts", name: "time_intervals", preset: "[]",
            comment: "Named times for mute_time_intervals and active_time_intervals of routes."
        ) { node, c throws(ValueError) in
            c.notify.timeIntervals = try TimeIntervalDecoding.intervals(node)
        },
        Key(
            section: "alerts", name: "external_url", preset: "\"\"",
            comment: "Where people reach this agent, for links in notifications."
        ) { node, c throws(ValueError) in
            guard case .scalar(let text, _) = node.content else {
                throw ValueError("expected a text")
            }
            guard text.isEmpty || (try? TargetURL(text)) != nil else {
                throw ValueError("expected an address such as https://host:9850")
            }
            c.notify.externalURL = text
        },
        Key(
            section: "alerts", name: "allow_link_local", preset: "false",
            comment:
                "Whether targets may be link-local or metadata addresses (169.254.0.0/16 and others)."
        ) { node, c throws(ValueError) in c.notify.allowsLinkLocal = try Value.bool(node) },
    ]
}

/// A name that a route uses, and where.
struct AlertReference: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case receiver
        case timeInterval
    }

    let kind: Kind
    let name: String
    let mark: Mark

    /// Adds a problem for each name that nothing has.
    static func check(_ configuration: inout Configuration, _ problems: inout [ConfigProblem]) {
        for reference in configuration.alertReferences {
            let known =
                reference.kind == .receiver
                ? configuration.notify.receivers.map(\.name)
                : configuration.notify.timeIntervals.keys.sorted()
            guard !known.contains(reference.name) else { continue }
            let what = reference.kind == .receiver ? "receiver" : "time interval"
            let advice =
                known.isEmpty
                ? "there are none"
                : Suggestion.nearest(reference.name, among: known).map { "did you mean `\($0)`?" }
                    ?? "known are " + known.joined(separator: ", ")
            problems.append(
                ConfigProblem(
                    reference.mark,
                    "`route`: there is no \(what) `\(reference.name.prefix(64))`; \(advice)"))
        }
        configuration.alertReferences = []
    }
}
