// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The operators on numbers, IEEE 754 as in Go's `math`.
enum Arithmetic {
    /// `left symbol right` for two scalars; a comparison gives 1 or 0.
    static func scalar(_ symbol: String, _ left: Double, _ right: Double) -> Double {
        switch symbol {
        case "+": left + right
        case "-": left - right
        case "*": left * right
        case "/": left / right
        case "%": fmod(left, right)
        case "^": power(left, right)
        case "atan2": Glibc.atan2(left, right)
        default: compare(symbol, left, right) ? 1 : 0
        }
    }

    /// C's `pow`; the two languages agree on the special cases.
    static func power(_ base: Double, _ exponent: Double) -> Double { Glibc.pow(base, exponent) }

    /// Whether the comparison holds; never with a NaN, but for `!=`.
    static func compare(_ symbol: String, _ left: Double, _ right: Double) -> Bool {
        switch symbol {
        case "==": left == right
        case "!=": left != right
        case "<": left < right
        case ">": left > right
        case "<=": left <= right
        default: left >= right
        }
    }
}

/// A sum that keeps what rounding loses (Kahan's summation, improved by Neumaier).
public struct CompensatedSum: Sendable {
    /// The sum as rounded.
    public private(set) var sum: Double
    /// What rounding lost.
    public private(set) var compensation: Double

    /// A sum that was begun before.
    @inline(__always)
    public init(_ sum: Double = 0, _ compensation: Double = 0) {
        self.sum = sum
        self.compensation = compensation
    }

    /// Adds a number.
    @inline(__always)
    public mutating func add(_ value: Double) {
        let total = sum + value
        if total.isInfinite {
            compensation = 0
        } else if abs(sum) >= abs(value) {
            compensation += (sum - total) + value
        } else {
            compensation += (value - total) + sum
        }
        sum = total
    }

    /// The sum with what was lost.
    @inline(__always)
    public var value: Double { sum + compensation }
}

/// A mean that does not overflow: a plain sum as long as it is finite, then an incremental mean.
struct CompensatedMean {
    private var total: CompensatedSum
    private var mean = CompensatedSum()
    private var count = 1.0
    private var isIncremental = false

    /// The mean of one number.
    init(_ first: Double) { total = CompensatedSum(first) }

    /// Takes in another number.
    @inline(__always)
    mutating func add(_ value: Double) {
        count += 1
        if !isIncremental {
            var next = total
            next.add(value)
            if !next.sum.isInfinite {
                total = next
                return
            }
            isIncremental = true
            mean = CompensatedSum(
                total.sum / (count - 1), total.compensation / (count - 1))
        }
        let weight = (count - 1) / count
        mean = CompensatedSum(weight * mean.sum, weight * mean.compensation)
        mean.add(value / count)
    }

    /// The mean.
    var value: Double {
        isIncremental ? mean.value : total.sum / count + total.compensation / count
    }
}
