// SPDX-License-Identifier: Apache-2.0

public import Matching
public import Model

/// One rule of Prometheus' relabelling
/// (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config).
public struct RelabelRule: Sendable {
    /// What a rule does.
    public enum Action: String, CaseIterable, Sendable {
        case replace, keep, drop, labelmap, labeldrop, labelkeep, lowercase, uppercase, hashmod
        case keepequal, dropequal
    }

    /// What it does.
    public var action = Action.replace
    /// The labels whose values are joined to the text that is looked at.
    public var sourceLabels: [String] = []
    /// What they are joined with.
    public var separator = ";"
    /// The label that is set.
    public var targetLabel = ""
    /// What it is set to; `$1` and `${name}` stand for groups.
    public var replacement = "$1"
    /// How many values `hashmod` gives.
    public var modulus: UInt64 = 0
    /// What the text must match.
    public var regex: Pattern

    /// A rule that replaces, for an expression.
    public init(regex: Pattern) { self.regex = regex }

    /// Changes a label set; nil when it is dropped.
    func apply(_ labels: Labels) -> Labels? {
        var result = labels
        switch action {
        case .keep: return regex.matches(text(labels)) ? labels : nil
        case .drop: return regex.matches(text(labels)) ? nil : labels
        case .keepequal: return text(labels) == labels[targetLabel] ? labels : nil
        case .dropequal: return text(labels) == labels[targetLabel] ? nil : labels
        case .lowercase: result[targetLabel] = text(labels).lowercased()
        case .uppercase: result[targetLabel] = text(labels).uppercased()
        case .hashmod:
            guard modulus > 0 else { return labels }
            result[targetLabel] = String(MD5.lastWord(Array(text(labels).utf8)) % modulus)
        case .labelmap:
            for label in labels.pairs {
                guard let name = expand(replacement, on: label.name), !name.isEmpty else {
                    continue
                }
                result[name] = label.value
            }
        case .labeldrop:
            for label in labels.pairs where regex.matches(label.name) { result[label.name] = "" }
        case .labelkeep:
            for label in labels.pairs where !regex.matches(label.name) { result[label.name] = "" }
        case .replace:
            let text = text(labels)
            guard let value = expand(replacement, on: text) else { return labels }
            let name = targetLabel.contains("$") ? expand(targetLabel, on: text) ?? "" : targetLabel
            guard !name.isEmpty else { return labels }
            result[name] = value
        }
        return result
    }

    private func text(_ labels: Labels) -> String {
        sourceLabels.map { labels[$0] }.joined(separator: separator)
    }

    /// A template with its groups filled in; nil when the expression does not match.
    private func expand(_ template: String, on text: String) -> String? {
        let bytes = Array(text.utf8)
        guard let groups = regex.groups(in: bytes) else { return nil }
        let parts = Array(template.utf8)
        var result: [UInt8] = []
        var at = 0
        while at < parts.count {
            guard parts[at] == UInt8(ascii: "$"), at + 1 < parts.count else {
                result.append(parts[at])
                at += 1
                continue
            }
            if parts[at + 1] == UInt8(ascii: "$") {
                result.append(UInt8(ascii: "$"))
                at += 2
                continue
            }
            let (name, end) = Self.reference(parts, after: at)
            guard !name.isEmpty else {
                result.append(parts[at])
                at += 1
                continue
            }
            if let number = Int(name) ?? regex.group(named: name), number < groups.count,
                let place = groups[number]
            {
                result += bytes[place]
            }
            at = end
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The name after a `$`, in braces or as long as it goes, and where it ends.
    private static func reference(_ parts: [UInt8], after at: Int) -> (name: String, end: Int) {
        if parts[at + 1] == UInt8(ascii: "{") {
            guard let close = parts[at...].firstIndex(of: UInt8(ascii: "}")) else {
                return ("", at)
            }
            return (String(decoding: parts[(at + 2)..<close], as: UTF8.self), close + 1)
        }
        let end = parts[(at + 1)...].firstIndex { !isWord($0) } ?? parts.count
        return (String(decoding: parts[(at + 1)..<end], as: UTF8.self), end)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f: true
        default: false
        }
    }
}

/// Which series or logs a sink gets, and what they are called there.
public struct Selection: Sendable {
    /// A set must satisfy all conditions of one of these lists; none means all sets.
    public var selectors: [CompiledMatchers] = []
    /// Added to every set that has no label of the name.
    public var externalLabels = Labels()
    /// Applied after that, in order.
    public var relabelling: [RelabelRule] = []

    /// Everything, as it is.
    public init() {}

    /// The labels under which a set is sent; nil when it is not.
    public func apply(_ labels: Labels) -> Labels? {
        guard selectors.isEmpty || selectors.contains(where: { $0.match(labels) }) else {
            return nil
        }
        var result = labels
        for label in externalLabels.pairs where result[label.name].isEmpty {
            result[label.name] = label.value
        }
        for rule in relabelling {
            guard let changed = rule.apply(result) else { return nil }
            result = changed
        }
        return result.isEmpty ? nil : result
    }
}
