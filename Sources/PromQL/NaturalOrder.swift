// SPDX-License-Identifier: Apache-2.0

import Model

/// Orders texts so that numbers in them count as numbers: `cpu2` before `cpu10`.
enum NaturalOrder {
    /// Whether `a` comes before `b` by the labels `keys`, then by all labels.
    static func precedes(_ a: Labels, _ b: Labels, by keys: [String]) -> Bool {
        for key in keys {
            let order = compare(Array(a[key].utf8), Array(b[key].utf8))
            if order != 0 { return order < 0 }
        }
        return a.precedes(b)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { Lexer.isDigit(byte) }

    /// Negative, zero or positive as `a` is before, equal to or after `b`.
    static func compare(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var i = 0
        var j = 0
        while i < a.count, j < b.count {
            if isDigit(a[i]), isDigit(b[j]) {
                let first = a[i...].prefix(while: isDigit)
                let second = b[j...].prefix(while: isDigit)
                let x = first.drop { $0 == UInt8(ascii: "0") }
                let y = second.drop { $0 == UInt8(ascii: "0") }
                if x.count != y.count { return x.count - y.count }
                if !x.elementsEqual(y) { return x.lexicographicallyPrecedes(y) ? -1 : 1 }
                if first.count != second.count { return first.count - second.count }
                i += first.count
                j += second.count
            } else {
                if a[i] != b[j] { return Int(a[i]) - Int(b[j]) }
                i += 1
                j += 1
            }
        }
        return (a.count - i) - (b.count - j)
    }
}
