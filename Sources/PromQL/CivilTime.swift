// SPDX-License-Identifier: Apache-2.0

import Model

/// A point in time in UTC, by the proleptic Gregorian calendar.
struct CivilTime {
    let year: Int64
    let month: Int64
    let day: Int64
    /// Days since the epoch.
    let days: Int64
    let secondOfDay: Int64

    init(_ milliseconds: Milliseconds) { self.init(seconds: Self.floor(milliseconds, 1000)) }

    /// Howard Hinnant's algorithm: https://howardhinnant.github.io/date_algorithms.html
    init(seconds: Int64) {
        days = Self.floor(seconds, 86_400)
        secondOfDay = seconds - days * 86_400
        let shifted = days + 719_468
        let era = Self.floor(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    private static func floor(_ value: Int64, _ by: Int64) -> Int64 {
        let quotient = value / by
        return value % by < 0 ? quotient - 1 : quotient
    }

    var isLeap: Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    var daysInMonth: Int64 {
        switch month {
        case 2: isLeap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// 1 on the first of January.
    var dayOfYear: Int64 {
        let before: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        return before[Int(month - 1)] + day + (isLeap && month > 2 ? 1 : 0)
    }

    /// 0 on a Sunday; the epoch was a Thursday.
    var dayOfWeek: Int64 { ((days + 4) % 7 + 7) % 7 }

    var rfc3339: String {
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(secondOfDay / 3600)):"
            + "\(two(secondOfDay / 60 % 60)):\(two(secondOfDay % 60))Z"
    }
}
