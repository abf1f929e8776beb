// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The functions of one number, as in Go's `math`.
enum MathFunction {
    static let all: [String: @Sendable (Double) -> Double] = [
        "abs": { Swift.abs($0) },
        "acos": { Glibc.acos($0) },
        "acosh": { Glibc.acosh($0) },
        "asin": { Glibc.asin($0) },
        "asinh": { Glibc.asinh($0) },
        "atan": { Glibc.atan($0) },
        "atanh": { Glibc.atanh($0) },
        "ceil": { $0.rounded(.up) },
        "cos": { Glibc.cos($0) },
        "cosh": { Glibc.cosh($0) },
        "deg": { $0 * 180 / .pi },
        "exp": { Glibc.exp($0) },
        "floor": { $0.rounded(.down) },
        "ln": { Glibc.log($0) },
        "log10": { Glibc.log10($0) },
        "log2": { Glibc.log2($0) },
        "rad": { $0 * .pi / 180 },
        "sgn": { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 },
        "sin": { Glibc.sin($0) },
        "sinh": { Glibc.sinh($0) },
        "sqrt": { $0.squareRoot() },
        "tan": { Glibc.tan($0) },
        "tanh": { Glibc.tanh($0) },
    ]

    /// The smaller; NaN when one is.
    static func min(_ a: Double, _ b: Double) -> Double {
        a.isNaN || b.isNaN ? .nan : Swift.min(a, b)
    }

    /// The larger; NaN when one is.
    static func max(_ a: Double, _ b: Double) -> Double {
        a.isNaN || b.isNaN ? .nan : Swift.max(a, b)
    }
}

/// The parts of a date in UTC.
enum CalendarField: String {
    case dayOfMonth = "day_of_month"
    case dayOfWeek = "day_of_week"
    case dayOfYear = "day_of_year"
    case daysInMonth = "days_in_month"
    case hour
    case minute
    case month
    case year

    /// The field of so many seconds after the epoch.
    func of(_ seconds: Int64) -> Double {
        let time = CivilTime(seconds: seconds)
        switch self {
        case .dayOfMonth: return Double(time.day)
        case .dayOfWeek: return Double(time.dayOfWeek)
        case .dayOfYear: return Double(time.dayOfYear)
        case .daysInMonth: return Double(time.daysInMonth)
        case .hour: return Double(time.secondOfDay / 3600)
        case .minute: return Double(time.secondOfDay / 60 % 60)
        case .month: return Double(time.month)
        case .year: return Double(time.year)
        }
    }
}
