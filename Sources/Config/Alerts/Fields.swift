// SPDX-License-Identifier: Apache-2.0

import Notify
import YAML

/// A mapping within a value, whose keys are known; every mistake has its place.
struct Fields {
    private let values: [String: YAMLNode]
    let mark: Mark
    private let what: String

    /// Reads a mapping with some of the keys `known`.
    init(_ node: YAMLNode, _ what: String, known: [String]) throws(ValueError) {
        guard case .map(let pairs) = node.content else {
            throw ValueError("\(what) must be a mapping, not \(node.kind)", at: node.mark)
        }
        var values: [String: YAMLNode] = [:]
        for (key, value) in pairs {
            guard case .scalar(let name, _) = key.content else {
                throw ValueError("a key must be a word, not \(key.kind)", at: key.mark)
            }
            guard known.contains(name) else {
                let advice =
                    Suggestion.nearest(name, among: known).map { "did you mean `\($0)`?" }
                    ?? "known are " + known.sorted().joined(separator: ", ")
                throw ValueError(
                    "unknown key `\(name.prefix(64))` in \(what); \(advice)", at: key.mark)
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw ValueError("`\(name)` is given twice", at: key.mark)
            }
        }
        self.values = values
        self.mark = node.mark
        self.what = what
    }

    /// The value of a key, if it is there.
    subscript(name: String) -> YAMLNode? { values[name] }

    /// Reads a value by `read`, and adds name and place to what is wrong with it.
    func read<T>(
        _ name: String, _ read: (YAMLNode) throws(ValueError) -> T
    ) throws(ValueError) -> T? {
        guard let node = values[name] else { return nil }
        do { return try read(node) } catch {
            if error.mark != nil { throw error }
            throw ValueError("`\(name)`: \(error.description), not \(node.kind)", at: node.mark)
        }
    }

    func text(_ name: String) throws(ValueError) -> String? { try read(name, Value.text) }

    func required(_ name: String) throws(ValueError) -> String {
        guard let text = try text(name) else {
            throw ValueError("\(what) needs `\(name)`", at: mark)
        }
        return text
    }

    func bool(_ name: String) throws(ValueError) -> Bool? { try read(name, Value.bool) }

    func texts(_ name: String) throws(ValueError) -> [String]? { try read(name, Value.texts) }

    func duration(_ name: String, _ range: ClosedRange<Int64>) throws(ValueError) -> Int64? {
        try read(name) { node throws(ValueError) in try Value.duration(node, range) }
    }

    /// The items of a list; none when it is not there.
    func list(_ name: String) throws(ValueError) -> [YAMLNode] {
        try read(name) { node throws(ValueError) in try Value.list(node) } ?? []
    }

    /// A secret: the text of `name`, or the file that `name_file` names.
    func secret(_ name: String, mayBeWritten: Bool = true) throws(ValueError) -> Secret? {
        let file = try text(name + "_file")
        guard let node = values[name] else { return file.map { .file($0) } }
        guard file == nil else {
            throw ValueError("`\(name)` and `\(name)_file` exclude each other", at: node.mark)
        }
        guard mayBeWritten else {
            throw ValueError(
                "`\(name)`: secrets are not written here; put it in a file of its own and name "
                    + "that in `\(name)_file`", at: node.mark)
        }
        return try text(name).map { .text($0) }
    }

    /// An address as a secret, judged when it is written here.
    func address(_ name: String) throws(ValueError) -> Secret {
        guard let secret = try secret(name) else {
            throw ValueError("\(what) needs `\(name)` or `\(name)_file`", at: mark)
        }
        if case .text(let text) = secret, let node = values[name] {
            do { _ = try TargetURL(text) } catch {
                throw ValueError("`\(name)`: \(error.description)", at: node.mark)
            }
        }
        return secret
    }
}

extension Value {
    static func bool(_ node: YAMLNode) throws(ValueError) -> Bool {
        switch try text(node) {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw ValueError("expected true or false")
        }
    }

    static func list(_ node: YAMLNode) throws(ValueError) -> [YAMLNode] {
        guard case .list(let items) = node.content else { throw ValueError("expected a list") }
        return items
    }
}
