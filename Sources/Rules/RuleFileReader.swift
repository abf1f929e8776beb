// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import Templates
import YAML

/// Reads the text of a rule file and keeps everything that is wrong with it.
struct RuleFileReader {
    let path: String
    let bytes: [UInt8]
    let language: RuleLanguage
    private(set) var problems: [RuleProblem] = []

    /// Problems beyond this many are not listed.
    private static let maxProblems = 500

    private static let groupFields = [
        "name", "interval", "limit", "query_offset", "labels", "rules",
    ]
    private static let ruleFields = [
        "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations",
    ]

    private let checkLogQL: RuleFile.Check?

    init(path: String, bytes: [UInt8], checkLogQL: RuleFile.Check? = nil) {
        self.path = path
        self.bytes = bytes
        self.checkLogQL = checkLogQL
        language = RuleLanguage(path: path)
    }

    mutating func report(_ mark: Mark?, _ message: String) {
        guard problems.count < Self.maxProblems else { return }
        problems.append(RuleProblem(file: path, mark: mark, message: message))
    }

    mutating func read() -> [RuleGroup] {
        var bounds = YAMLReader.Bounds(nodes: 1_000_000)
        bounds.allowsAliases = true
        bounds.ignoresLaterDocuments = true
        do throws(YAMLProblem) {
            guard let root = try YAMLReader.read(bytes, bounds: bounds) else { return [] }
            return groups(root)
        } catch {
            report(error.mark, error.message)
            return []
        }
    }

    private mutating func groups(_ root: YAMLNode) -> [RuleGroup] {
        let fields = fields(root, ["groups"], "a rule file")
        guard let list = list(fields["groups"], "`groups`") else { return [] }
        var seen: Set<String> = []
        return list.map { node in
            let group = group(node)
            if !seen.insert(group.name).inserted {
                report(node.mark, "groupname: \"\(group.name)\" is repeated in the same file")
            }
            return group
        }
    }

    private mutating func group(_ node: YAMLNode) -> RuleGroup {
        let fields = fields(node, Self.groupFields, "a group")
        var group = RuleGroup(file: path, name: "", line: node.mark.line)
        group.language = language
        group.name = text(fields["name"], "`name`")
        if group.name.isEmpty { report(node.mark, "Groupname must not be empty") }
        let context = "group \"\(group.name)\""
        if let interval = duration(fields["interval"], "interval", context), interval > 0 {
            group.interval = interval
        }
        group.queryOffset = duration(fields["query_offset"], "query_offset", context)
        if let limit = fields["limit"] {
            if let value = YAMLValue.integer(limit) {
                group.limit = value
            } else {
                report(limit.mark, "\(context): `limit` must be a whole number, not \(limit.kind)")
            }
        }
        group.labels = labels(fields["labels"], "label", context)
        for (i, rule) in (list(fields["rules"], "\(context): `rules`") ?? []).enumerated() {
            group.rules.append(self.rule(rule, number: i + 1, group: group.name))
        }
        return group
    }

    private mutating func rule(_ node: YAMLNode, number: Int, group: String) -> Rule {
        let fields = fields(node, Self.ruleFields, "a rule")
        let record = text(fields["record"], "`record`")
        let alert = text(fields["alert"], "`alert`")
        var rule = Rule(
            kind: alert.isEmpty ? .recording : .alerting, name: alert.isEmpty ? record : alert,
            expression: text(fields["expr"], "`expr`"), line: node.mark.line)
        let context = "group \"\(group)\", rule \(number), \"\(rule.name)\""
        if record.isEmpty, alert.isEmpty {
            report(node.mark, "\(context): one of 'record' or 'alert' must be set")
        } else if !record.isEmpty, !alert.isEmpty {
            report(
                fields["record"]?.mark,
                "\(context): only one of 'record' and 'alert' must be set")
        }
        check(&rule, fields["expr"], node.mark, context)
        rule.holdDuration = duration(fields["for"], "for", context) ?? 0
        rule.keepFiringFor = duration(fields["keep_firing_for"], "keep_firing_for", context) ?? 0
        rule.labels = labels(fields["labels"], "label", context)
        rule.annotations = labels(fields["annotations"], "annotation", context)
        if !record.isEmpty { checkRecording(rule, record, fields, context) }
        if !alert.isEmpty {
            rule.templates.labels = templates(
                rule.labels, of: alert, fields["labels"], "\(context): label")
            rule.templates.annotations = templates(
                rule.annotations, of: alert, fields["annotations"], "\(context): annotation")
        }
        return rule
    }

    private mutating func templates(
        _ texts: [Label], of alert: String, _ node: YAMLNode?, _ context: String
    ) -> [(name: String, template: Template)] {
        var parsed: [(name: String, template: Template)] = []
        for text in texts {
            do throws(TemplateError) {
                parsed.append((text.name, try Template.alert(text.value, alert: alert)))
            } catch {
                report(
                    place(of: text.name, in: node), "\(context) \"\(text.name)\": \(error)")
            }
        }
        return parsed
    }

    /// Where the value of a key of a mapping stands.
    private func place(of key: String, in node: YAMLNode?) -> Mark? {
        guard case .map(let pairs)? = node?.content else { return node?.mark }
        return pairs.first { YAMLValue.text($0.key) == key }?.value.mark ?? node?.mark
    }

    private mutating func checkRecording(
        _ rule: Rule, _ record: String, _ fields: YAMLFields, _ context: String
    ) {
        func refuse(_ field: String, if isSet: Bool) {
            guard isSet else { return }
            report(
                fields[field]?.mark, "\(context): invalid field '\(field)' in recording rule")
        }
        refuse("annotations", if: !rule.annotations.isEmpty)
        refuse("for", if: rule.holdDuration != 0)
        refuse("keep_firing_for", if: rule.keepFiringFor != 0)
        // Braces are legal in a name of Prometheus 3, and nearly always an expression gone astray.
        if record.contains("{") || record.contains("}") {
            report(
                fields["record"]?.mark,
                "\(context): braces present in the recording rule name; should it be in expr?: "
                    + record)
        }
    }

    private mutating func check(
        _ rule: inout Rule, _ node: YAMLNode?, _ mark: Mark, _ context: String
    ) {
        guard let node, !rule.expression.isEmpty else {
            report(node?.mark ?? mark, "\(context): field 'expr' must be set in rule")
            return
        }
        do throws(QueryError) {
            switch language {
            case .promQL: rule.parsed = try Parser.parse(rule.expression)
            case .logQL: try checkLogQL?(rule.expression)
            }
        } catch {
            report(
                ScalarPlace(node, in: bytes).mark(of: error.position ?? 0, in: rule.expression),
                "\(context): could not parse expression: \(error.message)")
        }
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

    private mutating func list(_ node: YAMLNode?, _ what: String) -> [YAMLNode]? {
        guard let node, !node.isNull else { return nil }
        guard case .list(let items) = node.content else {
            report(node.mark, "\(what) must be a list, not \(node.kind)")
            return nil
        }
        return items
    }

    private mutating func text(_ node: YAMLNode?, _ what: String) -> String {
        guard let node else { return "" }
        guard let text = YAMLValue.text(node) else {
            report(node.mark, "\(what) must be a text, not \(node.kind)")
            return ""
        }
        return text
    }

    private mutating func duration(
        _ node: YAMLNode?, _ name: String, _ context: String
    ) -> Milliseconds? {
        guard let node, !node.isNull else { return nil }
        guard let duration = YAMLValue.duration(node) else {
            report(
                node.mark,
                "\(context): `\(name)` is not a valid duration such as 30s, 5m or 1h30m: "
                    + node.kind)
            return nil
        }
        return duration
    }

    /// Labels or annotations, in order of name.
    private mutating func labels(
        _ node: YAMLNode?, _ what: String, _ context: String
    ) -> [Label] {
        guard let node, !node.isNull else { return [] }
        guard case .map(let pairs) = node.content else {
            report(node.mark, "\(context): `\(what)s` must be a mapping, not \(node.kind)")
            return []
        }
        var values: [String: String] = [:]
        for (key, value) in pairs {
            guard let name = YAMLValue.text(key), let text = YAMLValue.text(value) else {
                report(value.mark, "\(context): a \(what) must be a text, not \(value.kind)")
                continue
            }
            if name.isEmpty || (what == "label" && name == Labels.metricName) {
                report(key.mark, "\(context): invalid \(what) name: \(name)")
            }
            if values.updateValue(text, forKey: name) != nil {
                report(key.mark, "\(context): \(what) \"\(name)\" is given twice")
            }
        }
        return values.map { Label(name: $0.key, value: $0.value) }.sorted()
    }
}
