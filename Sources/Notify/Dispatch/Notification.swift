// SPDX-License-Identifier: Apache-2.0

import Model

/// What a receiver is told at one time: the alerts of one group.
struct Notification: Sendable {
    /// The receiver's name.
    var receiver: String
    /// The route's path and the group's labels, as Alertmanager writes them.
    var groupKey: String
    /// The labels by which the alerts were put together.
    var groupLabels: Labels
    /// The alerts, by name and labels; the resolved ones have an end.
    var alerts: [Alert]
    /// When this was put together.
    var time: Milliseconds
    /// Where people find the agent; empty for nowhere.
    var externalURL: String

    /// Those that fire.
    var firing: [Alert] { alerts.filter { !$0.isResolved(at: time) } }
    /// Those that are over.
    var resolved: [Alert] { alerts.filter { $0.isResolved(at: time) } }
    /// `firing` while one alert does.
    var status: String { firing.isEmpty ? "resolved" : "firing" }

    /// Whether the same alerts fire and the same are over.
    func says(whatOf other: Notification) -> Bool {
        Set(firing.map(\.fingerprint)) == Set(other.firing.map(\.fingerprint))
            && Set(resolved.map(\.fingerprint)) == Set(other.resolved.map(\.fingerprint))
    }

    /// The labels that all alerts share.
    var commonLabels: Labels { Self.common(alerts.map(\.labels)) }
    /// The annotations that all alerts share.
    var commonAnnotations: Labels { Self.common(alerts.map(\.annotations)) }

    private static func common(_ sets: [Labels]) -> Labels {
        guard let first = sets.first else { return Labels() }
        return Labels(
            sorted: first.pairs.filter { pair in
                sets.dropFirst().allSatisfy { $0[pair.name] == pair.value }
            })
    }
}
