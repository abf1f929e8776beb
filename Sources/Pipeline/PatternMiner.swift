// SPDX-License-Identifier: Apache-2.0

public import Model

/// A form that many lines have: what is the same in them, and where they differ.
public struct LinePattern: Hashable, Sendable {
    /// The lines' common text with `<_>` where they differ, as LogQL's pattern filters have it.
    public var text: [UInt8]
    /// Lines that have it.
    public var count: Int
    /// When the first and the last of them were written, in nanoseconds.
    public var times: ClosedRange<Int64>
    /// The worst level of them.
    public var level: LogLevel
    /// One of them.
    public var example: [UInt8]
    /// Lines by step of time, in order; empty when no step was asked for.
    public var samples: [Sample]

    /// The lines of one step.
    public struct Sample: Hashable, Sendable {
        /// When the step begins, in nanoseconds.
        public var time: Int64
        /// Lines.
        public var count: Int
    }
}

/// Finds the forms of lines, after Drain (He et al., ICWS 2017): a line goes to the group of lines
/// with as many words whose beginning is the same, and there to the form it shares half of its
/// words with. Words with digits differ by nature.
///
/// Holds so many forms at most; when there are more, those seen least and longest ago go, and their
/// lines are counted as others.
public struct PatternMiner {
    /// Forms at most.
    public static let maxPatterns = 2000
    /// Words of a line that are looked at; the rest is one.
    static let maxWords = 64
    private static let maxExample = 1024
    /// Words that begin a group.
    private static let depth = 2

    private struct Form {
        /// Words, nil where lines differ; of the separators those of the first line.
        var words: [[UInt8]?]
        var separators: [[UInt8]]
        var count = 1
        var times: ClosedRange<Int64>
        var level: LogLevel
        var example: [UInt8]
        /// Lines by the number of their step.
        var steps: [Int64: Int] = [:]
    }

    private var forms: [Int: Form] = [:]
    private var groups: [[UInt8]: [Int]] = [:]
    private var next = 0
    /// Lines whose form was given up.
    public private(set) var others = 0

    private let step: Int64

    /// No lines yet. With a step, in nanoseconds, lines are counted by it too.
    public init(step: Int64 = 0) { self.step = step }

    /// The forms, those with the most lines first.
    public var patterns: [LinePattern] {
        forms.values.map { form in
            LinePattern(
                text: Self.text(form), count: form.count, times: form.times, level: form.level,
                example: form.example,
                samples: form.steps.sorted { $0.key < $1.key }
                    .map { LinePattern.Sample(time: $0.key * step, count: $0.value) })
        }.sorted { ($0.count, $1.times.lowerBound) > ($1.count, $0.times.lowerBound) }
    }

    /// Takes a line.
    public mutating func add(_ line: [UInt8], time: Int64, level: LogLevel) {
        let (words, separators) = Self.split(line)
        let key = Self.key(words)
        let members = groups[key] ?? []
        var best: (id: Int, same: Int)?
        for id in members {
            guard let form = forms[id] else { continue }
            var same = 0
            for i in words.indices where words[i] == form.words[i] { same += 1 }
            if same > best?.same ?? -1 { best = (id, same) }
        }
        if let best, 2 * best.same >= words.count, var form = forms.removeValue(forKey: best.id) {
            for i in words.indices where form.words[i] != words[i] { form.words[i] = nil }
            form.count += 1
            form.times =
                min(form.times.lowerBound, time)...max(form.times.upperBound, time)
            form.level = max(form.level, level)
            if step > 0 { form.steps[number(time), default: 0] += 1 }
            forms[best.id] = form
            return
        }
        if forms.count >= Self.maxPatterns { makeRoom() }
        forms[next] = Form(
            words: words, separators: separators, times: time...time, level: level,
            example: Array(line.prefix(Self.maxExample)),
            steps: step > 0 ? [number(time): 1] : [:])
        groups[key, default: []].append(next)
        next += 1
    }

    /// The step a time is in.
    private func number(_ time: Int64) -> Int64 {
        let (quotient, rest) = time.quotientAndRemainder(dividingBy: step)
        return rest < 0 ? quotient - 1 : quotient
    }

    /// Gives up the half of the forms that were seen least.
    private mutating func makeRoom() {
        let order = forms.sorted {
            ($0.value.count, $0.value.times.upperBound) < (
                $1.value.count, $1.value.times.upperBound
            )
        }
        for (id, form) in order.prefix(Self.maxPatterns / 2) {
            others += form.count
            forms[id] = nil
        }
        groups = groups.compactMapValues { ids in
            let left = ids.filter { forms[$0] != nil }
            return left.isEmpty ? nil : left
        }
    }

    private static func key(_ words: [[UInt8]?]) -> [UInt8] {
        var key = Array(String(words.count).utf8)
        for word in words.prefix(depth) {
            key.append(0x20)
            key += word ?? [0x2a]
        }
        return key
    }

    private static func text(_ form: Form) -> [UInt8] {
        var text = form.separators[0]
        for (i, word) in form.words.enumerated() {
            if let word {
                text += word
            } else if !text.suffix(3).elementsEqual(placeholder) {
                text += placeholder
            }
            text += form.separators[i + 1]
        }
        return text
    }

    private static let placeholder = Array("<_>".utf8)

    /// Words, nil for those that differ by nature, and what stands before, between and after them.
    static func split(_ line: [UInt8]) -> (words: [[UInt8]?], separators: [[UInt8]]) {
        var words: [[UInt8]?] = []
        var separators: [[UInt8]] = []
        var at = 0
        var separator: [UInt8] = []
        while at < line.count {
            if isSeparator(line[at]) {
                if separator.count < 64 { separator.append(line[at]) }
                at += 1
                continue
            }
            let start = at
            var hasDigit = false
            let isLast = words.count == maxWords - 1
            while at < line.count, isLast || !isSeparator(line[at]) {
                hasDigit = hasDigit || line[at] &- 0x30 < 10
                at += 1
            }
            separators.append(separator)
            separator = []
            words.append(hasDigit || isLast || at - start > 256 ? nil : Array(line[start..<at]))
        }
        separators.append(separator)
        return (words, separators)
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...0x20, 0x22, 0x27, 0x28, 0x29, 0x2c, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x5b, 0x5d,
            0x7b, 0x7c, 0x7d:
            true
        default: false
        }
    }
}
