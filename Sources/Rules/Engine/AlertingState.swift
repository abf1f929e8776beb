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
        /// The labels of its two series, and the state that they say.
        var series: (state: Alert.State, alert: Labels, since: Labels)?
    }

    /// How long a resolved alert is remembered, and handed over again.
    static let resolvedRetention: Milliseconds = 15 * 60_000

    let rule: Rule
    /// The labels of group and rule that take no part in templates: for finding stored state.
    private(set) var active: [Labels: Active] = [:]
    /// The labels of alerts, from those of the vector.
    private var made = MadeLabels()
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
        var gone: [Labels] = []
        // By index and in place: whoever iterates the dictionary itself holds it, and the first change
        // would copy it.
        var at = active.startIndex
        while at != active.endIndex {
            let (labels, one) = active[at]
            if var next = advance(one, isFound: found[labels] != nil, at: time) {
                if next.alert.state != .inactive {
                    count += 1
                    if isRestored { Self.append(&next, at: time, to: &samples) }
                }
                active.values[at] = next
            } else {
                gone.append(labels)
            }
            active.formIndex(after: &at)
        }
        for labels in gone { active[labels] = nil }
        if limit > 0, count > limit {
            active = [:]
            throw RuleFailure("exceeded limit of \(limit) with \(count) alerts")
        }
        return samples
    }

    /// The alerts of a vector, each pending since now.
    private mutating func alerts(
        _ vector: [VectorSample], at time: Milliseconds, _ generatorURL: String,
        _ expand: (Template, VectorSample) -> String
    ) throws(RuleFailure) -> [Labels: Alert] {
        var found: [Labels: Alert] = [:]
        found.reserveCapacity(vector.count)
        made.begin(count: vector.count)
        for sample in vector {
            let values = rule.templates.labels.map { expand($0.template, sample) }
            let labels = made.labels(of: sample.labels, values) {
                var labels = sample.labels.withoutName
                for ((name, _), value) in zip(rule.templates.labels, values) {
                    labels[name] = value
                }
                labels[Alert.nameLabel] = rule.name
                return labels
            }
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

    /// Adds the two samples of an alert.
    private static func append(
        _ one: inout Active, at time: Milliseconds, to samples: inout [VectorSample]
    ) {
        let (labels, since) = series(of: &one)
        samples.append(VectorSample(labels: labels, point: Point(timestamp: time, value: 1)))
        // Whole seconds, as Prometheus writes them.
        let seconds = Double(one.alert.activeAt / 1000)
        samples.append(VectorSample(labels: since, point: Point(timestamp: time, value: seconds)))
    }

    private static func series(of one: inout Active) -> (alert: Labels, since: Labels) {
        if let known = one.series, known.state == one.alert.state {
            return (known.alert, known.since)
        }
        var labels = one.alert.labels
        labels[Labels.metricName] = "ALERTS"
        labels["alertstate"] = one.alert.state.rawValue
        var since = one.alert.labels
        since[Labels.metricName] = "ALERTS_FOR_STATE"
        one.series = (one.alert.state, labels, since)
        return (labels, since)
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
