// SPDX-License-Identifier: Apache-2.0

import YAML

/// Reads the keys of one mapping, and complains about those nobody asked for.
struct MapReader {
    private let what: String
    private let mark: Mark
    private let pairs: [(key: String, mark: Mark, value: YAMLNode)]
    private var asked: Set<String> = []

    /// A reader of `node`, which `what` names in errors.
    init(_ node: YAMLNode, _ what: String) throws(ValueError) {
        guard case .map(let content) = node.content else {
            throw ValueError(
                "\(what) must be a mapping of keys to values, not \(node.kind)", at: node.mark)
        }
        var pairs: [(key: String, mark: Mark, value: YAMLNode)] = []
        for (key, value) in content {
            guard case .scalar(let name, _) = key.content else {
                throw ValueError("a key must be a word, not \(key.kind)", at: key.mark)
            }
            guard !pairs.contains(where: { $0.key == name }) else {
                throw ValueError("`\(name)` is given twice", at: key.mark)
            }
            pairs.append((name, key.mark, value))
        }
        self.what = what
        mark = node.mark
        self.pairs = pairs
    }

    /// Every key with its value, when the keys are free.
    var all: [(key: String, mark: Mark, value: YAMLNode)] { pairs }

    /// Whether a key is there.
    func has(_ key: String) -> Bool { pairs.contains { $0.key == key } }

    /// Reads a key's value if it is there; errors are told with its place.
    mutating func read(
        _ key: String, _ body: (YAMLNode) throws(ValueError) -> Void
    ) throws(ValueError) {
        asked.insert(key)
        guard let pair = pairs.first(where: { $0.key == key }) else { return }
        do { try body(pair.value) } catch {
            guard error.mark == nil else { throw error }
            throw ValueError(
                "`\(key)`: \(error.description), not \(pair.value.kind)", at: pair.value.mark)
        }
    }

    /// Reads a key's value, which must be there.
    mutating func require<T>(
        _ key: String, _ body: (YAMLNode) throws(ValueError) -> T
    ) throws(ValueError) -> T {
        var result: T?
        try read(key) { node throws(ValueError) in result = try body(node) }
        guard let result else { throw ValueError("\(what) needs `\(key)`", at: mark) }
        return result
    }

    /// Complains about a key that nobody asked for.
    func finish() throws(ValueError) {
        for pair in pairs where !asked.contains(pair.key) {
            let advice =
                Suggestion.nearest(pair.key, among: asked.sorted()).map { "did you mean `\($0)`?" }
                ?? "known are " + asked.sorted().joined(separator: ", ")
            throw ValueError(
                "unknown key `\(pair.key.prefix(64))` in \(what); \(advice)", at: pair.mark)
        }
    }
}
