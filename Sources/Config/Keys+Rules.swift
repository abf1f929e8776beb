// SPDX-License-Identifier: Apache-2.0

import YAML

extension Keys {
    /// The section `rules`. All of it is reloaded on SIGHUP.
    static let rules: [Key] = [
        Key(
            section: "rules", name: "directory", preset: "/etc/ullage/rules.d",
            comment: "Where rule files are: all *.yaml and *.yml in it. Reloaded on SIGHUP, as all "
                + "of this section. docs/rules.md."
        ) { node, c throws(ValueError) in
            let path = try Value.text(node)
            guard path.hasPrefix("/") else { throw ValueError("expected an absolute path") }
            c.rules.directory = path
        },
        Key(
            section: "rules", name: "evaluation_interval", preset: "15s",
            comment: "Time between two evaluations of a group that says nothing else, 1s to 1d."
        ) { node, c throws(ValueError) in
            c.rules.interval = try Value.duration(node, 1000...86_400_000)
        },
        Key(
            section: "rules", name: "query_offset", preset: "0s",
            comment: "How far back from the time of an evaluation expressions look, up to 1h."
        ) { node, c throws(ValueError) in
            c.rules.queryOffset = try Value.duration(node, 0...3_600_000)
        },
        Key(
            section: "rules", name: "external_labels", preset: "{}",
            comment: "Labels of this host, for templates and notifications; not in the store."
        ) { node, c throws(ValueError) in
            guard case .map(let pairs) = node.content else {
                throw ValueError("expected a mapping of names to values")
            }
            c.rules.externalLabels = [:]
            for (key, value) in pairs {
                c.rules.externalLabels[try Value.text(key)] = try Value.text(value)
            }
        },
        Key(
            section: "rules", name: "resend_delay", preset: "1m",
            comment: "Time until a firing alert is handed to the notifiers again, 1s to 1d."
        ) { node, c throws(ValueError) in
            c.rules.resendDelay = try Value.duration(node, 1000...86_400_000)
        },
        Key(
            section: "rules", name: "outage_tolerance", preset: "1h",
            comment: "How long the agent may be away and still know since when alerts are pending."
        ) { node, c throws(ValueError) in
            c.rules.outageTolerance = try Value.duration(node, 0...86_400_000)
        },
        Key(
            section: "rules", name: "for_grace_period", preset: "10m",
            comment: "Time a pending alert waits at least after a restart before it fires."
        ) { node, c throws(ValueError) in
            c.rules.gracePeriod = try Value.duration(node, 0...86_400_000)
        },
    ]
}
