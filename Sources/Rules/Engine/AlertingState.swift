// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import Templates

/// Why an evaluation of a rule gave nothing.
struct RuleFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The alerts of one alerting rule and how they go on from one evaluation to the next: Prometheus'
/// state machine (`rules/alerting.go`).
struct AlertingState: Sendable {
    /// An alert that is active or was not long ago.
    struct Active: Sendable {
        var alert: Alert
        /// When it was last handed over; nil when never.
        var sentAt: Milliseconds?
        /// Since when only `keep_firing_for` keeps it.
        var keptSince: Milliseconds?
    }

    /// How long a resolved alert is remembered, and handed over again.
    static let resolvedRetention: Milliseconds = 15 * 60_000

    let rule: Rule
    /// The labels of group and rule that take no part in templates: for finding stored state.
    private(set) var active: [Labels: Active] = [:]
    /// Whether what was before a restart is known. Until then nothing is written, so that a store's
    /// last word on an alert stays.
    var isRestored: Bool

    init(_ rule: Rule, isRestored: Bool) {
        self.rule = rule
        self.isRestored = isRestored
    }

    /// Takes over the alerts of the same rule before a reload.
    mutating func takeOver(_ other: AlertingState) {
        active = other.active
        isRestored = other.isRestored
    }

    /// Goes on to `time`, at which the expression yields `vector`. Gives the samples of `ALERTS` and
    /// `ALERTS_FOR_STATE`.
    mutating func evaluate(
        _ vector: [VectorSample], at time: Milliseconds, limit: Int, generatorURL: String,
        expand: (Template, VectorSample) -> String
    ) throws(RuleFailure) -> [VectorSample] {
        let found = try alerts(vector, at: time, generatorURL, expand)
        for (labels, alert) in found {
            if active[labels]?.alert.state ?? .inactive == .inactive {
                active[labels] = Active(alert: alert)
            } else {
                active[labels]?.alert.value = alert.value
                active[labels]?.alert.annotations = alert.annotations
            }
        }
        var samples: [VectorSample] = []
        var count = 0
        for (labels, one) in active {
            guard let next = advance(one, isFound: found[labels] != nil, at: time) else {
                active[labels] = nil
                continue
            }
            active[labels] = next
            guard next.alert.state != .inactive else { continue }
            count += 1
            if isRestored { samples += Self.samples(of: next.alert, at: time) }
        }
        if limit > 0, count > limit {
            active = [:]
            throw RuleFailure("exceeded limit of \(limit) with \(count) alerts")
        }
        return samples
    }

    /// The alerts of a vector, each pending since now.
    private func alerts(
        _ vector: [VectorSample], at time: Milliseconds, _ generatorURL: String,
        _ expand: (Template, VectorSample) -> String
    ) throws(RuleFailure) -> [Labels: Alert] {
        var found: [Labels: Alert] = [:]
        for sample in vector {
            var labels = sample.labels
            labels[Labels.metricName] = ""
            for (name, template) in rule.templates.labels {
                labels[name] = expand(template, sample)
            }
            labels[Alert.nameLabel] = rule.name
            // Those that come out empty stay: unlike labels, annotations may be.
            let annotations = Labels(
                sorted: rule.templates.annotations.map {
                    Label(name: $0.name, value: expand($0.template, sample))
                })
            let alert = Alert(
                labels: labels, annotations: annotations, value: sample.point.value,
                state: .pending, activeAt: time, generatorURL: generatorURL)
            guard found.updateValue(alert, forKey: labels) == nil else {
                throw RuleFailure(
                    "vector contains metrics with the same labelset after applying alert labels")
            }
        }
        return found
    }

    /// An alert at `time`; nil when it is to be forgotten.
    private func advance(_ one: Active, isFound: Bool, at time: Milliseconds) -> Active? {
        var next = one
        if isFound {
            next.keptSince = nil
        } else {
            if next.alert.state == .firing, rule.keepFiringFor > 0 {
                let since = next.keptSince ?? time
                next.keptSince = since
                if time - since < rule.keepFiringFor { return next }
            }
            if next.alert.state == .pending { return nil }
            if next.alert.state == .inactive {
                let end = next.alert.endsAt ?? time
                return time - end > Self.resolvedRetention ? nil : next
            }
            next.alert.state = .inactive
            next.alert.endsAt = time
            return next
        }
        if next.alert.state == .pending, time - next.alert.activeAt >= rule.holdDuration {
            next.alert.state = .firing
            next.alert.startsAt = time
        }
        return next
    }

    private static func samples(of alert: Alert, at time: Milliseconds) -> [VectorSample] {
        var labels = alert.labels
        labels[Labels.metricName] = "ALERTS"
        labels["alertstate"] = alert.state.rawValue
        var state = alert.labels
        state[Labels.metricName] = "ALERTS_FOR_STATE"
        // Whole seconds, as Prometheus writes them.
        let seconds = Double(alert.activeAt / 1000)
        return [
            VectorSample(labels: labels, point: Point(timestamp: time, value: 1)),
            VectorSample(labels: state, point: Point(timestamp: time, value: seconds)),
        ]
    }

    /// The alerts to hand over at `time`: firing ones that were not for `resendDelay`, and resolved
    /// ones likewise or when their end is news.
    mutating func due(
        at time: Milliseconds, resendDelay: Milliseconds, interval: Milliseconds
    ) -> [Alert] {
        var due: [Alert] = []
        for (labels, one) in active {
            guard one.alert.state != .pending else { continue }
            let isNews = one.alert.endsAt.map { $0 > one.sentAt ?? .min } ?? false
            guard isNews || one.sentAt.map({ $0 + resendDelay < time }) ?? true else { continue }
            active[labels]?.sentAt = time
            var alert = one.alert
            // Two evaluations or deliveries may fail before the alert is taken for over.
            if alert.state == .firing { alert.endsAt = time + 4 * max(interval, resendDelay) }
            due.append(alert)
        }
        return due
    }

    /// Moves an alert's beginning, as its stored state says.
    mutating func restore(_ labels: Labels, activeAt: Milliseconds) {
        active[labels]?.alert.activeAt = activeAt
    }
}
