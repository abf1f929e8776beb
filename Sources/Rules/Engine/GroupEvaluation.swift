// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import PromQL
import Synchronization
import Templates

/// What the groups of an engine share.
struct EvaluationContext: Sendable {
    var queries: RuleQueries
    var store: any Appender
    var querier: any SeriesQuerier
    var sink: (any AlertSink)?
    var options: RuleEngine.Options
}

/// A group with the state of its rules. Evaluated by one thread at a time; its status may be asked
/// for at any time.
final class GroupEvaluation: Sendable {
    /// One rule with what it keeps from one evaluation to the next.
    private struct Member: Sendable {
        let rule: Rule
        let labels: [Label]
        /// Where the expression can be looked at.
        let url: String
        var writer: RuleWriter
        /// What a recording rule makes.
        var made = MadeLabels()
        var alerting: AlertingState?
    }

    /// What the evaluating thread owns.
    private struct State: Sendable {
        var members: [Member]
    }

    let group: RuleGroup
    let interval: Milliseconds
    private let offset: Milliseconds
    private let queryOffset: Milliseconds
    private let context: EvaluationContext
    private let state: Mutex<State>
    private let published: Mutex<GroupStatus>

    /// A group whose rules write on the timelines from `timeline` on. `isRestored` says whether the
    /// state before a restart is known already.
    init(
        _ group: RuleGroup, context: EvaluationContext, timelines: [UInt16], isRestored: Bool
    ) {
        self.group = group
        self.context = context
        interval = group.interval ?? context.options.interval
        queryOffset = group.queryOffset ?? context.options.queryOffset
        offset = Milliseconds(Self.hash(group.file + "\0" + group.name) % UInt64(interval))
        var members: [Member] = []
        for (rule, timeline) in zip(group.rules, timelines) {
            var merged = rule
            merged.merge(groupLabels: group.labels)
            members.append(
                Member(
                    rule: merged, labels: merged.labels,
                    url: context.options.externalURL + "/graph?g0.expr="
                        + Self.escaped(rule.expression) + "&g0.tab=1",
                    writer: RuleWriter(store: context.store, timeline: timeline),
                    alerting: rule.kind == .alerting
                        ? AlertingState(merged, isRestored: isRestored) : nil))
        }
        published = Mutex(
            GroupStatus(
                file: group.file, name: group.name, interval: interval, limit: group.limit,
                rules: members.map { RuleStatus(rule: $0.rule, labels: $0.labels) }))
        state = Mutex(State(members: members))
    }

    /// FNV-1a: spreads groups over their interval, the same way in each run.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// What the last evaluation came to.
    var status: GroupStatus {
        var status = published.withLock { $0 }
        // Sorted here, for who asks is rarer than what is evaluated.
        for i in status.rules.indices {
            status.rules[i].alerts.sort {
                $0.labels.precedes($1.labels)
            }
        }
        return status
    }

    /// The time of the evaluation that was due last before `now`.
    func slot(at now: Milliseconds) -> Milliseconds {
        let shifted = now - offset
        return shifted - ((shifted % interval) + interval) % interval + offset
    }

    /// Counts evaluations that were left out.
    func missed(_ count: Int) { published.withLock { $0.missed += count } }

    /// Takes over what the same group had before a reload. Rules that are gone end.
    func takeOver(_ other: GroupEvaluation, at time: Milliseconds) {
        let status = other.status
        var before = other.state.withLock { state in
            defer { state.members = [] }
            return state.members
        }
        state.withLock { mine in
            for i in mine.members.indices {
                let rule = mine.members[i].rule
                guard let at = before.firstIndex(where: { $0.rule.isSame(as: rule) }) else {
                    continue
                }
                let same = before.remove(at: at)
                mine.members[i].writer = same.writer
                if let alerting = same.alerting { mine.members[i].alerting?.takeOver(alerting) }
            }
        }
        for i in before.indices { before[i].writer.end(at: time - other.queryOffset) }
        published.withLock {
            ($0.iterations, $0.missed) = (status.iterations, status.missed)
            ($0.evaluations, $0.failures) = (status.evaluations, status.failures)
            ($0.totalSeconds, $0.dropped) = (status.totalSeconds, status.dropped)
        }
    }

    /// Ends all series of the group.
    func end(at time: Milliseconds) {
        state.withLock { state in
            for i in state.members.indices { state.members[i].writer.end(at: time - queryOffset) }
            state.members = []
        }
    }

    // MARK: Evaluation

    /// Evaluates all rules for `time`, one after the other.
    func evaluate(at time: Milliseconds) {
        let began = Clock.monotonicNanoseconds()
        published.withLock {
            $0.iterations += 1
            $0.samples = 0
        }
        state.withLock { state in
            for i in state.members.indices { evaluate(&state.members[i], number: i, at: time) }
        }
        published.withLock {
            $0.seconds = Self.seconds(since: began)
            $0.totalSeconds += $0.seconds
            $0.evaluatedAt = time
        }
    }

    private static func seconds(since start: Int64) -> Double {
        Double(Clock.monotonicNanoseconds() - start) / 1e9
    }

    private func evaluate(_ member: inout Member, number: Int, at time: Milliseconds) {
        let began = Clock.monotonicNanoseconds()
        var failure = ""
        var count = 0
        do {
            let samples = try samples(of: &member, at: time)
            count = samples.count
            member.writer.write(samples, at: time - queryOffset)
            let due = member.alerting?.due(
                at: time, resendDelay: context.options.resendDelay, interval: interval)
            if let due, !due.isEmpty { context.sink?.send(due.map(withExternalLabels)) }
        } catch { failure = "\(error)" }
        let active = member.alerting?.active.values.map(\.alert) ?? []
        let alerts = active.filter { $0.state != .inactive }
        let dropped = member.writer.dropped
        published.withLock { status in
            status.evaluations += 1
            status.failures += failure.isEmpty ? 0 : 1
            status.samples += count
            status.dropped = max(status.dropped, dropped)
            status.rules[number].health = failure.isEmpty ? .good : .bad
            status.rules[number].lastError = failure
            status.rules[number].evaluatedAt = time
            status.rules[number].seconds = Self.seconds(since: began)
            status.rules[number].alerts = alerts
        }
    }

    /// An alert as others see it: with the labels of this host that it does not have itself.
    private func withExternalLabels(_ alert: Alert) -> Alert {
        var alert = alert
        alert.labels = context.options.externalLabels.merging(alert.labels)
        return alert
    }

    private func samples(
        of member: inout Member, at time: Milliseconds
    ) throws -> [VectorSample] {
        let rule = member.rule
        let vector = try context.queries.vector(
            rule, in: group.language, at: time - queryOffset)
        guard member.alerting != nil else { return try recorded(vector, &member) }
        let (options, query, url) = (context.options, context.queries, member.url)
        let environment = TemplateEnvironment(now: time, externalURL: options.externalURL) { text in
            try Self.query(text, at: time, query)
        }
        return try member.alerting?.evaluate(
            vector, at: time, limit: group.limit, generatorURL: url
        ) { template, sample in
            let data = TemplateData(
                labels: sample.labels, externalLabels: options.externalLabels,
                externalURL: options.externalURL, value: sample.point.value)
            do throws(TemplateError) { return try template.expand(data, environment) } catch {
                return "<error expanding template: \(error)>"
            }
        } ?? []
    }

    private static func query(
        _ text: String, at time: Milliseconds, _ queries: RuleQueries
    ) throws -> [TemplateSample] {
        switch try queries.promQL(text, nil, time).value {
        case .vector(let samples):
            return samples.map { TemplateSample(labels: $0.labels, value: $0.point.value) }
        case .scalar(let point): return [TemplateSample(labels: [:], value: point.value)]
        default: throw QueryError(.execution, "query result is not a vector or scalar")
        }
    }

    /// What a recording rule makes of its vector.
    private func recorded(
        _ vector: [VectorSample], _ member: inout Member
    ) throws(RuleFailure) -> [VectorSample] {
        let own = Labels(
            [Label(name: Labels.metricName, value: member.rule.name)] + member.labels)
        let removed = member.labels.filter(\.value.isEmpty)
        var seen: Set<Labels> = []
        seen.reserveCapacity(vector.count)
        var result = vector
        member.made.begin(count: vector.count)
        for i in result.indices {
            result[i].labels = member.made.labels(of: vector[i].labels) {
                var labels = vector[i].labels.merging(own)
                for label in removed { labels[label.name] = "" }
                return labels
            }
            guard seen.insert(result[i].labels).inserted else {
                throw RuleFailure(
                    "vector contains metrics with the same labelset after applying rule labels")
            }
        }
        if group.limit > 0, vector.count > group.limit {
            throw RuleFailure("exceeded limit of \(group.limit) with \(vector.count) series")
        }
        return result
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                return String(Unicode.Scalar(byte))
            case 0x20: return "+"
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }.joined()
    }

    // MARK: Restart

    /// Whether the state before a restart is still to be read.
    var needsRestoring: Bool {
        state.withLock { state in
            state.members.contains { $0.alerting.map { !$0.isRestored } ?? false }
        }
    }

    /// Gives pending alerts the beginnings they had before a restart, from `ALERTS_FOR_STATE`.
    func restore(at time: Milliseconds) {
        state.withLock { state in
            for i in state.members.indices {
                guard var alerting = state.members[i].alerting, !alerting.isRestored else {
                    continue
                }
                StateRestoring.restore(&alerting, at: time, context)
                alerting.isRestored = true
                state.members[i].alerting = alerting
            }
        }
    }
}

extension Rule {
    /// What makes it the same rule after its file was read again.
    func identity(in group: RuleGroup) -> String {
        var merged = self
        merged.merge(groupLabels: group.labels)
        let labels = merged.labels.map { "\($0.name)\0\($0.value)" }.joined(separator: "\0")
        return "\(kind.rawValue);\(name);\(labels)"
    }

    /// Sets the labels of a group, unless the rule sets them itself.
    fileprivate mutating func merge(groupLabels: [Label]) {
        let own = Set(labels.map(\.name))
        let more = groupLabels.filter { !own.contains($0.name) }
        guard !more.isEmpty else { return }
        labels = (labels + more).sorted()
        guard kind == .alerting else { return }
        for label in more {
            guard let template = try? Template.alert(label.value, alert: name) else { continue }
            templates.labels.append((label.name, template))
        }
    }

    /// Whether the series and alerts of the two are one another's continuation.
    fileprivate func isSame(as other: Rule) -> Bool {
        kind == other.kind && name == other.name && labels == other.labels
    }
}
