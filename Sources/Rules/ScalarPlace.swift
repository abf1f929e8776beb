// SPDX-License-Identifier: Apache-2.0

import YAML

/// Where in its file a byte of a YAML scalar stands.
struct ScalarPlace {
    private let node: YAMLNode
    private let bytes: [UInt8]

    /// The place of `node`, a scalar of the file `bytes`.
    init(_ node: YAMLNode, in bytes: [UInt8]) {
        self.node = node
        self.bytes = bytes
    }

    /// The place of the byte at `offset` of `text`, the scalar's value: exact in block scalars and
    /// in scalars of one line without escapes, else where the scalar begins.
    func mark(of offset: Int, in text: String) -> Mark {
        guard case .scalar(_, let style) = node.content else { return node.mark }
        let before = text.utf8.prefix(offset)
        let lines = before.count { $0 == 0x0a }
        let column = String(before.suffix { $0 != 0x0a })?.count ?? 0
        switch style {
        case .plain, .quoted:
            guard lines == 0, isWritten(text, at: node.mark, quoted: style == .quoted) else {
                return node.mark
            }
            return Mark(
                line: node.mark.line,
                column: node.mark.column + column + (style == .quoted ? 1 : 0))
        case .literal:
            let line = node.mark.line + 1 + lines
            return Mark(line: line, column: indentation(after: node.mark.line) + column + 1)
        case .folded: return node.mark
        }
    }

    /// Whether `text` stands in the file as it is, on one line.
    private func isWritten(_ text: String, at mark: Mark, quoted: Bool) -> Bool {
        let rest = line(mark.line).dropFirst(mark.column - 1 + (quoted ? 1 : 0))
        return rest.hasPrefix(text)
    }

    private func line(_ number: Int) -> String {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        guard number >= 1, number <= lines.count else { return "" }
        return String(decoding: lines[number - 1], as: UTF8.self)
    }

    /// How far the first line after `number` that is not empty is indented.
    private func indentation(after number: Int) -> Int {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        for line in lines.dropFirst(number) {
            if let first = line.firstIndex(where: { $0 != 0x20 && $0 != 0x0d }) {
                return first - line.startIndex
            }
        }
        return 0
    }
}

extension Substring.UTF8View {
    /// The end of it that satisfies `predicate` throughout.
    fileprivate func suffix(_ predicate: (UInt8) -> Bool) -> Substring.UTF8View {
        var start = endIndex
        while start > startIndex {
            let before = index(before: start)
            guard predicate(self[before]) else { break }
            start = before
        }
        return self[start...]
    }
}
