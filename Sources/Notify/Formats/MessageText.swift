// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// A notification in words, for people. Text comes from rules and containers, so whoever puts it in
/// markup escapes it.
struct MessageText: Sendable {
    /// One alert in words.
    struct Item: Sendable {
        /// `firing` or `resolved`.
        let status: String
        /// What it is, with what sets it apart.
        let title: String
        /// The annotation `summary`, else the name.
        let summary: String
        /// The annotation `description`; empty for none.
        let description: String
        /// Labels, `name=value` with blanks between.
        let labels: String
        /// From when, and until when if it is over.
        let times: String
        /// Where to read what to do; empty for nowhere.
        let runbook: String
        /// Where the expression can be looked at; empty for nowhere.
        let link: String
    }

    /// `[FIRING:2] Name (labels)`, as Alertmanager's default.
    let title: String
    /// The alerts; at most `maxItems`.
    let items: [Item]
    /// How many more there are.
    let omitted: Int
    /// Whether any alert fires.
    let isFiring: Bool
    /// The highest severity among the alerts, `critical`, `warning` or another; may be empty.
    let severity: String
    /// Where people find the agent; empty for nowhere.
    let externalURL: String

    /// Alerts that a message spells out.
    static let maxItems = 20
    /// Characters a text may have.
    static let maxText = 1000

    init(_ notification: Notification) {
        let firing = notification.firing
        isFiring = !firing.isEmpty
        let shown = (firing + notification.resolved).prefix(Self.maxItems)
        items = shown.map { Self.item($0, at: notification.time) }
        omitted = notification.alerts.count - shown.count
        externalURL = notification.externalURL
        let severities = notification.alerts.map { $0.labels["severity"] }
        severity =
            ["critical", "error", "warning", "info"].first(where: severities.contains)
            ?? severities.first ?? ""
        let status = isFiring ? "FIRING:\(firing.count)" : "RESOLVED"
        let common = notification.commonLabels
        let names = Set(notification.alerts.map(\.name)).sorted()
        let name = names.count == 1 ? names[0] : "\(notification.alerts.count) alerts"
        let rest = common.pairs.filter { Self.isTelling($0.name) }.map(\.value)
        title = Self.bounded(
            "[\(status)] \(name)"
                + (rest.isEmpty ? "" : " (\(rest.prefix(6).joined(separator: " ")))"), 200)
    }

    private static func item(_ alert: Alert, at now: Milliseconds) -> Item {
        let isOver = alert.isResolved(at: now)
        let telling = alert.labels.pairs.filter { isTelling($0.name) }
        let since = "since \(RFC3339.format(alert.startsAt ?? alert.activeAt))"
        let until = isOver ? ", until \(RFC3339.format(alert.endsAt ?? now))" : ""
        let summary = alert.annotations["summary"]
        return Item(
            status: isOver ? "resolved" : "firing",
            title: bounded(alert.name, 200),
            summary: bounded(summary.isEmpty ? alert.name : summary, maxText),
            description: bounded(alert.annotations["description"], maxText),
            labels: bounded(
                telling.map { "\($0.name)=\($0.value)" }.joined(separator: " "), maxText),
            times: since + until, runbook: bounded(alert.annotations["runbook_url"], maxText),
            link: bounded(alert.generatorURL, maxText))
    }

    /// Whether a label says something a reader wants in a headline.
    private static func isTelling(_ name: String) -> Bool {
        !["alertname", "id", "job", "instance", "image"].contains(name)
    }

    /// At most `count` characters, without control characters but for line ends.
    static func bounded(_ text: String, _ count: Int) -> String {
        var result = ""
        var left = count
        for scalar in text.unicodeScalars {
            guard left > 0 else { return result + "…" }
            left -= 1
            let isControl =
                scalar.value < 0x20 && scalar != "\n" || (0x7f...0x9f).contains(scalar.value)
                || (0x202a...0x202e).contains(scalar.value)
                || (0x2066...0x2069).contains(scalar.value)
            result.unicodeScalars.append(isControl ? " " : scalar)
        }
        return result
    }

    /// The whole message as plain text.
    var plain: String {
        var lines: [String] = []
        for item in items {
            lines.append("\(item.status.uppercased()): \(item.summary)")
            if !item.description.isEmpty { lines.append(item.description) }
            lines.append(item.labels)
            lines.append(item.times)
            if !item.runbook.isEmpty { lines.append("What to do: \(item.runbook)") }
            if !item.link.isEmpty { lines.append("Look: \(item.link)") }
            lines.append("")
        }
        if omitted > 0 { lines.append("and \(omitted) more\n") }
        if !externalURL.isEmpty { lines.append(externalURL) }
        return lines.joined(separator: "\n")
    }
}
