// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// A condition on a line's text.
struct LineTestStep: PipelineStep {
    private enum Test {
        case text([UInt8])
        case expression(BytePattern)
        case pattern(LinePattern)
        case address(AddressRange)
    }

    private let tests: [Test]
    private let isInverted: Bool

    init(_ test: LineTest) throws(PatternError) {
        isInverted = test.kind.isInverted
        var tests: [Test] = []
        for operand in test.operands {
            if operand.isAddress {
                // The parser has read it before.
                if let range = AddressRange(operand.text) { tests.append(.address(range)) }
                continue
            }
            switch test.kind {
            case .contains, .containsNot: tests.append(.text(Array(operand.text.utf8)))
            case .matches, .matchesNot:
                tests.append(.expression(try BytePattern(operand.text)))
            case .pattern, .patternNot:
                tests.append(.pattern(try LinePattern(operand.text, allowsNames: false)))
            }
        }
        self.tests = tests
    }

    func run(_ line: LineState) -> Bool {
        let bytes = line.bytes
        for test in tests {
            let isFound =
                switch test {
                case .text(let text):
                    text.isEmpty || Bytes.find(text, in: bytes, from: 0) != nil
                case .expression(let expression): expression.matches(bytes)
                case .pattern(let pattern): pattern.matches(bytes)
                case .address(let range): range.isFound(in: bytes)
                }
            if isFound { return !isInverted }
        }
        return isInverted
    }
}

extension LineTest {
    /// Conditions that a store can try for this one, and whether they are all there is to it. A
    /// line that passes this passes them.
    var pushed: (filters: [LineFilter], isAll: Bool) {
        let texts = operands.filter { !$0.isAddress }.map(\.text)
        let isPlain = texts.count == operands.count
        switch kind {
        case .contains:
            guard isPlain else { return ([], false) }
            if texts.contains("") { return ([], true) }
            guard texts.count > 1 else { return ([LineFilter(.substring, texts[0])], true) }
            let expression = texts.map(BytePattern.quoted).joined(separator: "|")
            return ([LineFilter(.pattern, expression)], true)
        case .containsNot:
            return (texts.map { LineFilter(.substring, $0, isInverted: true) }, isPlain)
        case .matches:
            guard texts.count > 1 else { return ([LineFilter(.pattern, texts[0])], true) }
            let expression = texts.map { "(?:\($0))" }.joined(separator: "|")
            return ([LineFilter(.pattern, expression)], true)
        case .matchesNot:
            return (texts.map { LineFilter(.pattern, $0, isInverted: true) }, true)
        case .pattern:
            // Each text of the only pattern must be there; their order is tried afterwards.
            guard texts.count == 1, let pattern = try? LinePattern(texts[0], allowsNames: false)
            else { return ([], false) }
            let filters = pattern.texts.map { text in
                LineFilter(.substring, String(decoding: text, as: UTF8.self))
            }
            return (filters, false)
        case .patternNot: return ([], false)
        }
    }
}
