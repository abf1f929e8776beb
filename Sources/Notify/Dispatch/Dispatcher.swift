// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// Puts alerts together in groups and says what is to be told to whom, and when.
///
/// The rules are Alertmanager's (`dispatch`, `notify`): a new group waits `group_wait`, then is looked
/// at every `group_interval`; an integration is told when there is news for it, or again after
/// `repeat_interval`. Holds no clock, so that time is whatever the caller says.
struct Dispatcher {
    /// What keeps alerts quiet, as it is now.
    struct Muting {
        /// Whether a silence covers an alert of these labels.
        var isSilenced: (Labels) -> Bool
        /// Whether one of these intervals is now.
        var isWithin: ([String]) -> Bool
    }

    /// A notification, and the integration it is for.
    struct Order {
        let key: NotificationLog.Key
        let notification: Notification
    }

    private struct GroupKey: Hashable {
        let node: Int
        let labels: Labels
    }

    private struct Group {
        let text: String
        var alerts: [UInt64: Alert] = [:]
        var due: Milliseconds
        var isFlushed = false
    }

    private let table: RouteTable
    private let inhibitor: Inhibitor
    private let receivers: [String: Receiver]
    private let externalURL: String
    private var groups: [GroupKey: Group] = [:]
    /// What was told.
    var log: NotificationLog
    /// What was handed out and has no outcome yet.
    private var pending: Set<NotificationLog.Key> = []

    /// Alerts that had no room.
    private(set) var dropped: Int64 = 0
    /// Alerts not told of, by reason; each look at a group counts.
    private(set) var suppressed: [String: Int64] = ["inhibited": 0, "silenced": 0, "muted": 0]

    /// Alerts that are kept, over all groups.
    static let maxAlerts = 10_000
    /// Milliseconds after its end at which an alert is forgotten, delivered or not.
    static let resolvedRetention: Milliseconds = 15 * 60_000

    /// A dispatcher with these settings, which know what was told before.
    init(_ settings: NotifySettings, route: Route, log: NotificationLog) throws(PatternError) {
        table = try RouteTable(route)
        inhibitor = try Inhibitor(settings.inhibitRules)
        receivers = Dictionary(
            settings.receivers.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        externalURL = settings.externalURL
        self.log = log
    }

    /// The alerts in groups, each once.
    var alerts: [Alert] {
        var seen: [UInt64: Alert] = [:]
        for group in groups.values { seen.merge(group.alerts) { $1 } }
        return Array(seen.values)
    }
    /// Alerts in groups.
    var alertCount: Int { groups.values.reduce(0) { $0 + $1.alerts.count } }
    /// Groups.
    var groupCount: Int { groups.count }

    /// When the next group is to be looked at; nil when there is none.
    var nextDue: Milliseconds? { groups.values.map(\.due).min() }

    /// Takes alerts in.
    mutating func take(_ alerts: [Alert], at now: Milliseconds) {
        var room = Self.maxAlerts - alertCount
        for alert in alerts {
            for node in table.match(alert.labels) {
                let key = GroupKey(node: node, labels: table.groupLabels(node, alert.labels))
                take(alert, in: key, at: now, room: &room)
            }
        }
    }

    private mutating func take(
        _ alert: Alert, in key: GroupKey, at now: Milliseconds, room: inout Int
    ) {
        let fingerprint = alert.fingerprint.raw
        let isKnown = groups[key]?.alerts[fingerprint] != nil
        // What is over and was never heard of here is nobody's business.
        if !isKnown, alert.isResolved(at: now), !wasTold(key, fingerprint) {
            return
        }
        guard isKnown || room > 0 else {
            dropped += 1
            return
        }
        if !isKnown { room -= 1 }
        let route = table.nodes[key.node].route
        let text = table.nodes[key.node].path + ":" + Self.text(key.labels)
        var group = groups[key] ?? Group(text: text, due: now + route.groupWait)
        group.alerts[fingerprint] = alert
        // It has waited long enough where it came from, for example before a restart.
        if !group.isFlushed, let start = alert.startsAt, start + route.groupWait <= now {
            group.due = now
        }
        groups[key] = group
    }

    /// Looks at the groups that are due, and says what to tell.
    mutating func flush(at now: Milliseconds, _ muting: Muting) -> [Order] {
        let firing = groups.values.flatMap { $0.alerts.values }.filter { !$0.isResolved(at: now) }
        var orders: [Order] = []
        for key in groups.keys.sorted(by: { (groups[$0]?.due ?? 0) < (groups[$1]?.due ?? 0) }) {
            guard var group = groups[key] else { continue }
            let route = table.nodes[key.node].route
            // The clock was set back: do not wait for the old date.
            group.due = min(group.due, now + max(route.groupWait, route.groupInterval))
            guard group.due <= now else {
                groups[key] = group
                continue
            }
            group.due = now + route.groupInterval
            group.isFlushed = true
            orders += look(at: group, key, route, firing, now, muting)
            settle(&group, route, now)
            groups[key] = group.alerts.isEmpty ? nil : group
        }
        return orders
    }

    private mutating func look(
        at group: Group, _ key: GroupKey, _ route: Route, _ firing: [Alert], _ now: Milliseconds,
        _ muting: Muting
    ) -> [Order] {
        let isMuted =
            muting.isWithin(route.muteTimeIntervals)
            || !route.activeTimeIntervals.isEmpty && !muting.isWithin(route.activeTimeIntervals)
        if isMuted {
            suppressed["muted", default: 0] += Int64(group.alerts.count)
            return []
        }
        var alerts: [Alert] = []
        for alert in group.alerts.values {
            if inhibitor.inhibits(alert.labels, by: firing) {
                suppressed["inhibited", default: 0] += 1
            } else if muting.isSilenced(alert.labels) {
                suppressed["silenced", default: 0] += 1
            } else {
                alerts.append(alert)
            }
        }
        guard !alerts.isEmpty, let receiver = receivers[route.receiver] else { return [] }
        alerts.sort { $0.name == $1.name ? $0.fingerprint < $1.fingerprint : $0.name < $1.name }
        return receiver.integrations.enumerated().compactMap { index, integration in
            let told = NotificationLog.Key(
                receiver: receiver.name, integration: index, group: group.text)
            return order(told, integration, alerts, key.labels, route, now)
        }
    }

    /// What to tell one integration, if there is news for it.
    private mutating func order(
        _ key: NotificationLog.Key, _ integration: Integration, _ alerts: [Alert],
        _ labels: Labels, _ route: Route, _ now: Milliseconds
    ) -> Order? {
        let firing = Set(alerts.filter { !$0.isResolved(at: now) }.map(\.fingerprint.raw))
        let resolved = Set(alerts.map(\.fingerprint.raw)).subtracting(firing)
        // What is on its way and could not be delivered yet is replaced by how things are now, even
        // if all is over: somebody who could not be reached should still learn of it.
        let isReplacing = pending.contains(key) && !(firing.isEmpty && !integration.sendsResolved)
        let isNews = NotificationLog.isNews(
            firing: firing, resolved: resolved, entry: log[key],
            repeatInterval: route.repeatInterval, sendsResolved: integration.sendsResolved, at: now)
        guard isNews || isReplacing else { return nil }
        if firing.isEmpty, !integration.sendsResolved {
            log[key] = NotificationLog.Entry(firing: [], resolved: resolved, time: now)
            return nil
        }
        pending.insert(key)
        let told = integration.sendsResolved ? alerts : alerts.filter { !$0.isResolved(at: now) }
        return Order(
            key: key,
            notification: Notification(
                receiver: key.receiver, groupKey: key.group, groupLabels: labels, alerts: told,
                time: now, externalURL: externalURL))
    }

    /// Takes note that an integration was told.
    mutating func delivered(_ key: NotificationLog.Key, _ notification: Notification) {
        pending.remove(key)
        let firing = Set(notification.firing.map(\.fingerprint.raw))
        let resolved = Set(notification.resolved.map(\.fingerprint.raw))
        log[key] = NotificationLog.Entry(
            firing: firing, resolved: resolved, time: notification.time)
    }

    /// Takes note that an integration will not be told; the next look tries again.
    mutating func failed(_ key: NotificationLog.Key) { pending.remove(key) }

    /// Forgets alerts that are over and that nobody still takes to be firing.
    private func settle(_ group: inout Group, _ route: Route, _ now: Milliseconds) {
        let integrations = receivers[route.receiver]?.integrations.count ?? 0
        let keys = (0..<integrations).map {
            NotificationLog.Key(receiver: route.receiver, integration: $0, group: group.text)
        }
        let isPending = keys.contains { pending.contains($0) }
        group.alerts = group.alerts.filter { fingerprint, alert in
            guard let end = alert.endsAt, end <= now else { return true }
            if isPending { return true }
            if now - end >= Self.resolvedRetention { return false }
            return keys.contains { log[$0]?.firing.contains(fingerprint) ?? false }
        }
    }

    private func wasTold(_ key: GroupKey, _ fingerprint: UInt64) -> Bool {
        let text = table.nodes[key.node].path + ":" + Self.text(key.labels)
        let receiver = table.nodes[key.node].route.receiver
        return (receivers[receiver]?.integrations.indices ?? 0..<0).contains {
            let told = NotificationLog.Key(receiver: receiver, integration: $0, group: text)
            return log[told]?.firing.contains(fingerprint) ?? false
        }
    }

    private static func text(_ labels: Labels) -> String {
        MatcherText.render(labels.pairs.map { Matcher($0.name, .equal, $0.value) })
    }
}
