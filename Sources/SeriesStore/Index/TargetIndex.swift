// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// Which targets have which labels: for each value of each label the numbers of the targets that
/// have it. Targets are a hundred times fewer than series.
struct TargetIndex {
    private var postings: [String: [String: [UInt32]]] = [:]
    /// All numbers are below this.
    private var bound = 0

    mutating func insert(_ number: UInt32, _ labels: Labels) {
        bound = max(bound, Int(number) + 1)
        for label in labels.pairs {
            postings[label.name, default: [:]][label.value, default: []].append(number)
        }
    }

    /// Forgets targets that were inserted with these labels.
    mutating func remove(_ gone: [UInt32: Labels]) {
        var touched: [String: Set<String>] = [:]
        for labels in gone.values {
            for label in labels.pairs { touched[label.name, default: []].insert(label.value) }
        }
        for (name, values) in touched {
            for value in values {
                postings[name]?[value]?.removeAll { gone[$0] != nil }
                if postings[name]?[value]?.isEmpty ?? false { postings[name]?[value] = nil }
            }
            if postings[name]?.isEmpty ?? false { postings[name] = nil }
        }
    }

    /// The targets that satisfy all `conditions`; nil when there are no conditions. Only those of
    /// a number in use mean something.
    func select(_ conditions: [CompiledMatchers.Condition]) -> TargetSet? {
        guard !conditions.isEmpty else { return nil }
        var selected = TargetSet(bound, isFull: true)
        for condition in conditions {
            let values = postings[condition.name] ?? [:]
            if condition.holds(for: "") {
                // Those without the label too: all but the others.
                if let exceptions = condition.exceptions {
                    for value in exceptions { selected.remove(values[value] ?? []) }
                } else {
                    for (value, numbers) in values where !condition.holds(for: value) {
                        selected.remove(numbers)
                    }
                }
                continue
            }
            var found = TargetSet(bound, isFull: false)
            if let listed = condition.values {
                for value in listed { found.insert(values[value] ?? []) }
            } else {
                for (value, numbers) in values where condition.holds(for: value) {
                    found.insert(numbers)
                }
            }
            selected.keep(found)
        }
        return selected
    }
}

/// A set of targets: a bit for each.
struct TargetSet {
    private var words: [UInt64]

    init(_ bound: Int, isFull: Bool) {
        words = [UInt64](repeating: isFull ? ~0 : 0, count: (bound + 63) / 64)
        if isFull, bound % 64 != 0 { words[words.count - 1] = 1 << UInt64(bound % 64) - 1 }
    }

    mutating func insert(_ numbers: [UInt32]) {
        for number in numbers { words[Int(number >> 6)] |= 1 << UInt64(number & 63) }
    }

    mutating func remove(_ numbers: [UInt32]) {
        for number in numbers { words[Int(number >> 6)] &= ~(1 << UInt64(number & 63)) }
    }

    mutating func keep(_ others: TargetSet) {
        for i in words.indices { words[i] &= others.words[i] }
    }

    func contains(_ number: UInt32) -> Bool {
        words[Int(number >> 6)] >> UInt64(number & 63) & 1 == 1
    }

    /// Calls `body` with each number, ascending.
    func forEach(_ body: (UInt32) -> Void) {
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                body(UInt32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
    }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
