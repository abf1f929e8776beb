// SPDX-License-Identifier: Apache-2.0

public import Pipeline
import YAML

/// What is done to the lines of the logs that fulfil all conditions.
public struct LogPipelineRule: Hashable, Sendable {
    /// Conditions on `name`, `image`, `engine` and labels: `name=web`, `image=~nginx.*`.
    public var match: [String] = []
    /// What is done.
    public var options = PipelineOptions()
}

/// Reads `logs.pipelines`.
enum LogPipelines {
    private static let keys = [
        "match", "multiline", "parse", "level", "timestamp", "message", "keep", "drop",
        "rate_limit", "redact", "labels",
    ]
    private static let maxRules = 1000

    static func read(_ node: YAMLNode) throws(ValueError) -> [LogPipelineRule] {
        guard case .list(let items) = node.content else {
            throw ValueError("expected a list of mappings", at: node.mark)
        }
        guard items.count <= maxRules else { throw ValueError("too many rules", at: node.mark) }
        var rules: [LogPipelineRule] = []
        for item in items { rules.append(try rule(item)) }
        return rules
    }

    private static func rule(_ node: YAMLNode) throws(ValueError) -> LogPipelineRule {
        guard case .map(let pairs) = node.content else {
            throw ValueError("expected a mapping, not \(node.kind)", at: node.mark)
        }
        var rule = LogPipelineRule()
        for (key, value) in pairs {
            guard case .scalar(let name, _) = key.content, keys.contains(name) else {
                throw ValueError(
                    "a pipeline has no key \(key.kind); known are " + keys.joined(separator: ", "),
                    at: key.mark)
            }
            do throws(ValueError) { try set(name, value, &rule) } catch {
                throw ValueError("`\(name)`: \(error.description)", at: error.mark ?? value.mark)
            }
        }
        do { _ = try LinePipeline(rule.options) } catch {
            throw ValueError("\(error)", at: node.mark)
        }
        return rule
    }

    private static func set(
        _ name: String, _ node: YAMLNode, _ rule: inout LogPipelineRule
    ) throws(ValueError) {
        switch name {
        case "match":
            rule.match = try Value.texts(node)
            for text in rule.match where !text.contains("=") && !text.contains("!~") {
                throw ValueError("expected conditions such as name=web or image=~nginx.*")
            }
        case "multiline": rule.options.multiline = try multiline(node)
        case "parse": rule.options.parser = try parser(node)
        case "level":
            let field = try Value.text(node)
            rule.options.level = field == "auto" ? .automatic : .field(field)
        case "timestamp": rule.options.timestamp = try Value.text(node)
        case "message": rule.options.message = try Value.text(node)
        case "keep": rule.options.keep = try Value.texts(node)
        case "drop": rule.options.drop = try Value.texts(node)
        case "rate_limit":
            rule.options.rateLimit = Int(try Value.integer(node, 1...10_000_000))
        case "redact": rule.options.redact = try Value.texts(node)
        default: rule.options.labels = try labels(node)
        }
    }

    /// A language's name, or the expression of first lines.
    private static func multiline(_ node: YAMLNode) throws(ValueError) -> PipelineOptions.Multiline
    {
        let text = try Value.text(node)
        if let preset = MultilinePreset(rawValue: text) { return .preset(preset) }
        let names = MultilinePreset.allCases.map(\.rawValue).joined(separator: ", ")
        guard text.utf8.contains(where: { !($0 | 0x20 &- 0x61 < 26) }) else {
            throw ValueError("expected \(names) or the expression that first lines match")
        }
        return .firstLine(text)
    }

    /// `json`, `logfmt`, `access`, `regex: EXPRESSION` or `pattern: TEXT`.
    private static func parser(_ node: YAMLNode) throws(ValueError) -> PipelineOptions.Parser {
        if case .map(let pairs) = node.content, pairs.count == 1,
            case .scalar(let kind, _) = pairs[0].key.content
        {
            let text = try Value.text(pairs[0].value)
            if kind == "regex" { return .regex(text) }
            if kind == "pattern" { return .pattern(text) }
        } else if case .scalar(let name, _) = node.content {
            switch name {
            case "json": return .json
            case "logfmt": return .logfmt
            case "access": return .access
            default: break
            }
        }
        throw ValueError(
            "expected json, logfmt, access, {regex: '(?P<field>...)'} or {pattern: '<field> ...'}")
    }

    private static func labels(_ node: YAMLNode) throws(ValueError) -> [String: String] {
        guard case .map(let pairs) = node.content, pairs.count <= 15 else {
            throw ValueError("expected a mapping of at most 15 names to texts")
        }
        var labels: [String: String] = [:]
        for (key, value) in pairs {
            let name = try Value.text(key)
            let isName = name.utf8.allSatisfy {
                $0 | 0x20 &- 0x61 < 26 || $0 == 0x5f || $0 &- 0x30 < 10
            }
            guard isName, !name.hasPrefix("__") else {
                throw ValueError("`\(name.prefix(64))` is no name of a label", at: key.mark)
            }
            labels[name] = try Value.text(value)
        }
        return labels
    }
}
