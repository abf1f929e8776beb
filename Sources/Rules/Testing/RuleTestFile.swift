// SPDX-License-Identifier: Apache-2.0

import Model
import YAML

/// A file of unit tests in promtool's format.
struct RuleTestFile {
    /// A series to test with.
    struct Input {
        let labels: Labels
        let values: [Double?]
    }

    /// Which alerts must fire at a time.
    struct AlertCase {
        let time: Milliseconds
        let name: String
        let expected: [(labels: Labels, annotations: Labels)]
    }

    /// What an expression must yield at a time.
    struct ExpressionCase {
        let expression: String
        let time: Milliseconds
        let expected: [(labels: Labels, value: Double)]
    }

    /// Series, and what must come of them.
    struct Group {
        var name = ""
        var interval: Milliseconds = 0
        var start: Milliseconds = 0
        var inputs: [Input] = []
        var alerts: [AlertCase] = []
        var expressions: [ExpressionCase] = []
        var externalLabels = Labels()
        var externalURL = ""

        /// The last time anything is asked for.
        var end: Milliseconds {
            max(alerts.map(\.time).max() ?? 0, expressions.map(\.time).max() ?? 0)
        }
    }

    var ruleFiles: [String] = []
    var interval: Milliseconds = 60_000
    var order: [String] = []
    var isFuzzy = false
    var groups: [Group] = []
}

/// Reads the text of a file of unit tests and keeps everything that is wrong with it.
struct RuleTestReader {
    private let path: String
    private(set) var problems: [RuleProblem] = []

    init(path: String) { self.path = path }

    private mutating func report(_ mark: Mark?, _ message: String) {
        guard problems.count < 200 else { return }
        problems.append(RuleProblem(file: path, mark: mark, message: message))
    }

    mutating func read(_ bytes: [UInt8]) -> RuleTestFile {
        var file = RuleTestFile()
        var bounds = YAMLReader.Bounds(nodes: 1_000_000)
        bounds.allowsAliases = true
        bounds.ignoresLaterDocuments = true
        do throws(YAMLProblem) {
            guard let root = try YAMLReader.read(bytes, bounds: bounds) else { return file }
            let fields = fields(
                root,
                [
                    "rule_files", "evaluation_interval", "group_eval_order", "tests",
                    "fuzzy_compare",
                ], "a test file")
            file.ruleFiles = texts(fields["rule_files"], "rule_files")
            file.order = texts(fields["group_eval_order"], "group_eval_order")
            if let repeated = file.order.first(where: { name in
                file.order.count { $0 == name } > 1
            }) {
                report(
                    fields["group_eval_order"]?.mark,
                    "group name repeated in evaluation order: \(repeated)")
            }
            let interval = duration(fields["evaluation_interval"], "evaluation_interval")
            if interval > 0 { file.interval = interval }
            file.isFuzzy = fields["fuzzy_compare"].flatMap(YAMLValue.boolean) ?? false
            for node in list(fields["tests"], "tests") {
                var group = group(node)
                if group.interval == 0 { group.interval = file.interval }
                file.groups.append(group)
            }
        } catch { report(error.mark, error.message) }
        return file
    }

    private mutating func group(_ node: YAMLNode) -> RuleTestFile.Group {
        let fields = fields(
            node,
            [
                "interval", "input_series", "alert_rule_test", "promql_expr_test",
                "external_labels", "external_url", "name", "start_timestamp",
            ], "a test")
        var group = RuleTestFile.Group()
        group.name = text(fields["name"], "name")
        group.interval = duration(fields["interval"], "interval")
        group.externalLabels = labels(fields["external_labels"], "external_labels")
        group.externalURL = text(fields["external_url"], "external_url")
        if let start = fields["start_timestamp"] {
            if let seconds = YAMLValue.number(start), abs(seconds) < 1e12 {
                group.start = Milliseconds(seconds * 1000)
            } else {
                report(start.mark, "`start_timestamp` must be seconds since the epoch")
            }
        }
        for input in list(fields["input_series"], "input_series") {
            if let input = self.input(input) { group.inputs.append(input) }
        }
        for one in list(fields["alert_rule_test"], "alert_rule_test") {
            group.alerts.append(alertCase(one))
        }
        for one in list(fields["promql_expr_test"], "promql_expr_test") {
            group.expressions.append(expressionCase(one))
        }
        return group
    }

    private mutating func input(_ node: YAMLNode) -> RuleTestFile.Input? {
        let fields = fields(node, ["series", "values"], "an input series")
        do throws(SeriesNotation.Problem) {
            return RuleTestFile.Input(
                labels: try SeriesNotation.labels(text(fields["series"], "series")),
                values: try SeriesNotation.values(text(fields["values"], "values")))
        } catch {
            report(node.mark, error.message)
            return nil
        }
    }

    private mutating func alertCase(_ node: YAMLNode) -> RuleTestFile.AlertCase {
        let fields = fields(node, ["eval_time", "alertname", "exp_alerts"], "an alert test")
        let name = text(fields["alertname"], "alertname")
        if name.isEmpty {
            report(node.mark, "an item under alert_rule_test misses required attribute alertname")
        }
        var expected: [(labels: Labels, annotations: Labels)] = []
        for alert in list(fields["exp_alerts"], "exp_alerts") {
            let fields = self.fields(alert, ["exp_labels", "exp_annotations"], "an expected alert")
            var labels = labels(fields["exp_labels"], "exp_labels")
            labels[Alert.nameLabel] = name
            let annotations = pairs(fields["exp_annotations"], "exp_annotations")
            expected.append((labels, Labels(sorted: annotations.sorted())))
        }
        return RuleTestFile.AlertCase(
            time: duration(fields["eval_time"], "eval_time"), name: name, expected: expected)
    }

    private mutating func expressionCase(_ node: YAMLNode) -> RuleTestFile.ExpressionCase {
        let fields = fields(node, ["expr", "eval_time", "exp_samples"], "an expression test")
        var expected: [(labels: Labels, value: Double)] = []
        for sample in list(fields["exp_samples"], "exp_samples") {
            let fields = self.fields(
                sample, ["labels", "value", "histogram"], "an expected sample")
            if fields["histogram"] != nil {
                report(sample.mark, "native histograms are not supported")
            }
            var value = 0.0
            if let node = fields["value"] {
                if let number = YAMLValue.number(node) {
                    value = number
                } else {
                    report(node.mark, "`value` must be a number, not \(node.kind)")
                }
            }
            do throws(SeriesNotation.Problem) {
                let text = text(fields["labels"], "labels")
                expected.append((text.isEmpty ? [:] : try SeriesNotation.labels(text), value))
            } catch { report(sample.mark, error.message) }
        }
        return RuleTestFile.ExpressionCase(
            expression: text(fields["expr"], "expr"),
            time: duration(fields["eval_time"], "eval_time"), expected: expected)
    }

    // MARK: Values

    private mutating func fields(
        _ node: YAMLNode, _ known: [String], _ what: String
    ) -> YAMLFields {
        var found: [(Mark, String)] = []
        let fields = YAMLFields(node, known: known, what: what) { found.append(($0, $1)) }
        for (mark, message) in found { report(mark, message) }
        return fields
    }

    private mutating func list(_ node: YAMLNode?, _ name: String) -> [YAMLNode] {
        guard let node, !node.isNull else { return [] }
        guard case .list(let items) = node.content else {
            report(node.mark, "`\(name)` must be a list, not \(node.kind)")
            return []
        }
        return items
    }

    private mutating func text(_ node: YAMLNode?, _ name: String) -> String {
        guard let node else { return "" }
        guard let text = YAMLValue.text(node) else {
            report(node.mark, "`\(name)` must be a text, not \(node.kind)")
            return ""
        }
        return text
    }

    private mutating func texts(_ node: YAMLNode?, _ name: String) -> [String] {
        var texts: [String] = []
        for item in list(node, name) { texts.append(text(item, name)) }
        return texts
    }

    private mutating func duration(_ node: YAMLNode?, _ name: String) -> Milliseconds {
        guard let node, !node.isNull else { return 0 }
        guard let duration = YAMLValue.duration(node) else {
            report(node.mark, "`\(name)` is not a valid duration such as 30s or 5m: \(node.kind)")
            return 0
        }
        return duration
    }

    private mutating func labels(_ node: YAMLNode?, _ name: String) -> Labels {
        Labels(pairs(node, name))
    }

    private mutating func pairs(_ node: YAMLNode?, _ name: String) -> [Label] {
        guard let node, !node.isNull else { return [] }
        guard case .map(let pairs) = node.content else {
            report(node.mark, "`\(name)` must be a mapping, not \(node.kind)")
            return []
        }
        var labels: [Label] = []
        var seen: Set<String> = []
        for (key, value) in pairs {
            guard let key = YAMLValue.text(key), let text = YAMLValue.text(value) else {
                report(value.mark, "a value of `\(name)` must be a text, not \(value.kind)")
                continue
            }
            guard seen.insert(key).inserted else {
                report(value.mark, "`\(key)` is given twice in `\(name)`")
                continue
            }
            labels.append(Label(name: key, value: text))
        }
        return labels
    }
}
