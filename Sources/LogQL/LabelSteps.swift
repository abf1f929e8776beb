// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
import Model
import PromQL

/// A condition on labels.
///
/// A label that should be a number and is none does not fail the line: the line stays, with an
/// error label, so that the mistake is seen. A line that already has an error passes all
/// conditions but those on texts.
struct LabelConditionStep: PipelineStep {
    private indirect enum Node {
        case text(String, value: String, Pattern?, wants: Bool)
        case number(String, LabelCondition.Comparison, Double, Kind)
        case address(String, wants: Bool, AddressRange)
        case and(Node, Node)
        case or(Node, Node)
    }

    private enum Kind { case number, duration, bytes }

    private let node: Node

    init(_ condition: LabelCondition) throws(PatternError) {
        node = try Self.compile(condition)
    }

    private static func compile(_ condition: LabelCondition) throws(PatternError) -> Node {
        switch condition {
        case .text(let matcher):
            let isPattern = matcher.operation == .matches || matcher.operation == .matchesNot
            return .text(
                matcher.name, value: matcher.value,
                isPattern ? try Pattern(matcher.value) : nil,
                wants: matcher.operation == .equal || matcher.operation == .matches)
        case .number(let name, let comparison, let value):
            return .number(name, comparison, value, .number)
        case .duration(let name, let comparison, let value):
            return .number(name, comparison, Double(value), .duration)
        case .bytes(let name, let comparison, let value):
            return .number(name, comparison, value, .bytes)
        case .address(let name, let wants, let text):
            guard let range = AddressRange(text) else {
                throw PatternError(description: "\(text) is no address")
            }
            return .address(name, wants: wants, range)
        case .and(let a, let b): return .and(try compile(a), try compile(b))
        case .or(let a, let b): return .or(try compile(a), try compile(b))
        }
    }

    func run(_ line: LineState) -> Bool { Self.test(node, &line.labels) }

    private static func test(_ node: Node, _ labels: inout LineLabels) -> Bool {
        switch node {
        case .text(let name, let value, let pattern, let wants):
            let found = labels[name]
            return (pattern.map { $0.matches(found) } ?? (found == value)) == wants
        case .address(let name, let wants, let range):
            if labels.hasError { return true }
            let found = labels[name]
            return !found.isEmpty && range.matches(found.utf8) == wants
        case .number(let name, let comparison, let value, let kind):
            return test(name, comparison, value, kind, &labels)
        case .and(let a, let b): return test(a, &labels) && test(b, &labels)
        case .or(let a, let b): return test(a, &labels) || test(b, &labels)
        }
    }

    private static func test(
        _ name: String, _ comparison: LabelCondition.Comparison, _ value: Double, _ kind: Kind,
        _ labels: inout LineLabels
    ) -> Bool {
        if labels.hasError { return true }
        let text = labels[name]
        guard !text.isEmpty else { return false }
        let number: Double? =
            switch kind {
            case .number: GoNumber.parse(text)
            case .duration: GoDuration.parse(text).map(Double.init)
            case .bytes: ByteSize.parse(text)
            }
        guard let number else {
            labels.fail(
                "LabelFilterErr", "\(name)=\(Quoting.quote(text)) is not what it is compared with")
            return true
        }
        return switch comparison {
        case .equal: number == value
        case .notEqual: number != value
        case .less: number < value
        case .atMost: number <= value
        case .greater: number > value
        case .atLeast: number >= value
        }
    }
}

/// `drop` and `keep`.
struct ChooseLabelsStep: PipelineStep {
    private struct Choice {
        var name: String
        var matcher: (value: String, pattern: Pattern?, wants: Bool)?

        func takes(_ value: String) -> Bool {
            guard let matcher else { return true }
            return (matcher.pattern.map { $0.matches(value) } ?? (value == matcher.value))
                == matcher.wants
        }
    }

    private let choices: [Choice]
    private let isKeep: Bool

    init(_ choices: [LabelChoice], isKeep: Bool) throws(PatternError) {
        self.isKeep = isKeep
        var compiled: [Choice] = []
        for choice in choices {
            guard let matcher = choice.matcher else {
                compiled.append(Choice(name: choice.name))
                continue
            }
            let isPattern = matcher.operation == .matches || matcher.operation == .matchesNot
            let wants = matcher.operation == .equal || matcher.operation == .matches
            compiled.append(
                Choice(
                    name: choice.name,
                    matcher: (matcher.value, isPattern ? try Pattern(matcher.value) : nil, wants)))
        }
        self.choices = compiled
    }

    func run(_ line: LineState) -> Bool {
        if isKeep {
            line.labels.keep { name, value in
                choices.contains { $0.name == name && $0.takes(value) }
            }
        } else {
            for choice in choices where choice.takes(line.labels[choice.name]) {
                line.labels.remove(choice.name)
            }
        }
        return true
    }
}
