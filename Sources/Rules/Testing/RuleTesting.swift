// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Model
import PromQL

/// Runs unit tests of rules in promtool's format
/// (https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/).
public struct RuleTesting: Sendable {
    /// What came of a file of tests.
    public struct Outcome: Sendable {
        /// Tests in the file.
        public var tests = 0
        /// What failed, in promtool's words.
        public var failures: [String] = []
        /// Patterns of rule files that match nothing.
        public var warnings: [String] = []
    }

    /// Evaluations one test may take.
    private static let maxSteps = 1_000_000

    private let path: String
    private let file: RuleTestFile
    private let rules: [RuleFile]

    /// Runs the tests in the file at `path`. Throws when the file, or a rule file, is bad.
    public static func run(path: String) throws(RuleFileError) -> Outcome {
        var outcome = Outcome()
        let bytes = try FileReading.read(path, limit: RuleFile.maxBytes)
        var reader = RuleTestReader(path: path)
        let file = reader.read(bytes)
        guard reader.problems.isEmpty else { throw RuleFileError(reader.problems) }
        var rules: [RuleFile] = []
        for pattern in file.ruleFiles {
            let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
            let paths = Self.glob(pattern.hasPrefix("/") ? pattern : directory + pattern)
            if paths.isEmpty { outcome.warnings.append("no file match pattern \(pattern)") }
            for path in paths { rules.append(try RuleFile.load(path: path)) }
        }
        let testing = RuleTesting(path: path, file: file, rules: rules)
        for group in file.groups {
            outcome.tests += group.alerts.count + group.expressions.count
            outcome.failures += testing.run(group)
        }
        return outcome
    }

    private static func glob(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard Glibc.glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap {
            found.gl_pathv[$0].map { String(cString: $0) }
        }
    }

    // MARK: One test

    private func run(_ test: RuleTestFile.Group) -> [String] {
        guard test.end / file.interval <= Self.maxSteps else {
            return ["    the test takes more than \(Self.maxSteps) evaluations"]
        }
        let store = TestStore()
        for input in test.inputs { load(input, test, into: store) }
        var engineOptions = Engine.Options()
        engineOptions.subqueryStep = file.interval
        let engine = Engine(querier: store, options: engineOptions)
        let groups = evaluations(test, store, engine)
        var failures: [String] = []
        let cases = test.alerts.sorted { $0.time < $1.time }
        var next = 0
        var time: Milliseconds = 0
        while time <= test.end {
            store.show(until: test.start + time)
            for group in groups { group.evaluate(at: test.start + time) }
            let errors = Self.errors(of: groups, at: time)
            guard errors.isEmpty else { return failures + errors }
            while next < cases.count, cases[next].time < time + file.interval {
                if let failure = check(cases[next], test, groups) { failures.append(failure) }
                next += 1
            }
            time += file.interval
        }
        return failures + test.expressions.compactMap { check($0, test, engine) }
    }

    private func load(
        _ input: RuleTestFile.Input, _ test: RuleTestFile.Group, into store: TestStore
    ) {
        var times: [Milliseconds] = []
        var values: [Double] = []
        for (i, value) in input.values.enumerated() {
            guard let value else { continue }
            times.append(test.start + Milliseconds(i) * test.interval)
            values.append(value)
        }
        store.load(input.labels, times, values)
    }

    /// The groups of the rule files in the order they are to be evaluated in.
    private func evaluations(
        _ test: RuleTestFile.Group, _ store: TestStore, _ engine: Engine
    ) -> [GroupEvaluation] {
        var options = RuleEngine.Options()
        options.interval = test.interval
        options.externalLabels = test.externalLabels
        options.externalURL = test.externalURL
        let context = EvaluationContext(
            queries: RuleQueries(engine: engine), store: store, querier: store, sink: nil,
            options: options)
        let groups = rules.flatMap(\.groups).enumerated().sorted { a, b in
            let order = [a, b].map { file.order.firstIndex(of: $0.element.name) ?? 0 }
            return (order[0], a.offset) < (order[1], b.offset)
        }
        var timeline: UInt16 = 0
        return groups.map { group in
            let timelines = group.element.rules.map { _ in
                timeline &+= 1
                return timeline
            }
            return GroupEvaluation(
                group.element, context: context, timelines: timelines, isRestored: true)
        }
    }

    private static func errors(of groups: [GroupEvaluation], at time: Milliseconds) -> [String] {
        groups.flatMap { group in
            group.status.rules.filter { !$0.lastError.isEmpty }.map {
                "    rule: \($0.rule.name), time: \(PromQLDuration.format(time)), "
                    + "err: \($0.lastError)"
            }
        }
    }

    // MARK: Checks

    private func check(
        _ one: RuleTestFile.AlertCase, _ test: RuleTestFile.Group, _ groups: [GroupEvaluation]
    ) -> String? {
        let firing = groups.flatMap(\.status.rules)
            .filter { $0.rule.kind == .alerting && $0.rule.name == one.name }
            .flatMap(\.alerts).filter { $0.state == .firing }
        let got = Self.described(firing.map { ($0.labels, $0.annotations) })
        let expected = Self.described(one.expected)
        guard got != expected else { return nil }
        let name = test.name.isEmpty ? "" : "    name: \(test.name),\n"
        return name + "    alertname: \(one.name), time: \(PromQLDuration.format(one.time)), \n"
            + "        exp:\(Self.listed(expected)), \n        got:\(Self.listed(got))"
    }

    private static func described(
        _ alerts: [(labels: Labels, annotations: Labels)]
    ) -> [String] {
        alerts.map {
            "Labels:\(braced($0.labels))\n              Annotations:\(braced($0.annotations))"
        }.sorted()
    }

    private static func listed(_ alerts: [String]) -> String {
        guard !alerts.isEmpty else { return "[]" }
        let items = alerts.enumerated().map {
            "\n            \($0.offset):\n              \($0.element)"
        }
        return "[" + items.joined(separator: ",") + "\n            ]"
    }

    private static func braced(_ labels: Labels) -> String {
        "{" + labels.pairs.map { "\($0.name)=\(quoted($0.value))" }.joined(separator: ", ") + "}"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for character in text {
            switch character {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default: result.append(character)
            }
        }
        return result + "\""
    }

    private func check(
        _ one: RuleTestFile.ExpressionCase, _ test: RuleTestFile.Group, _ engine: Engine
    ) -> String? {
        let place =
            "    expr: \(Self.quoted(one.expression)), time: \(PromQLDuration.format(one.time)),"
        let value: QueryValue
        do throws(QueryError) {
            value = try engine.instant(one.expression, at: test.start + one.time).value
        } catch { return "\(place) err: \(error)" }
        var got: [(labels: Labels, value: Double)] = []
        switch value {
        case .vector(let samples): got = samples.map { ($0.labels, $0.point.value) }
        case .scalar(let point): got = [([:], point.value)]
        default: return "\(place) err: rule result is not a vector or scalar"
        }
        let order: ((Labels, Double), (Labels, Double)) -> Bool = {
            $0.0.precedes($1.0)
        }
        got.sort(by: order)
        let expected = one.expected.sorted(by: order)
        let isSame =
            got.count == expected.count
            && zip(got, expected).allSatisfy {
                $0.labels == $1.labels && isEqual($0.value, $1.value)
            }
        return isSame
            ? nil
            : "\(place)\n        exp: \(Self.shown(expected))\n        got: \(Self.shown(got))"
    }

    private func isEqual(_ a: Double, _ b: Double) -> Bool {
        a == b || (file.isFuzzy && (a.nextUp == b || a.nextDown == b))
    }

    private static func shown(_ value: Double) -> String {
        let text = NumberText.scientific(value)
        return value.isFinite ? text.uppercased() : text
    }

    private static func shown(_ samples: [(labels: Labels, value: Double)]) -> String {
        guard !samples.isEmpty else { return "nil" }
        return samples.map { sample in
            braced(sample.labels) + " " + shown(sample.value)
        }.joined(separator: ", ")
    }
}
