// SPDX-License-Identifier: Apache-2.0

import Model

/// A time in UTC as Go's `time.Time` prints it.
struct GoTime {
    let year: Int64
    let month: Int64
    let day: Int64
    let hour: Int64
    let minute: Int64
    let second: Int64
    let millisecond: Int64
    /// 0 on a Sunday.
    let weekday: Int64
    let yearDay: Int64

    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    /// Howard Hinnant's algorithm: https://howardhinnant.github.io/date_algorithms.html
    init(_ time: Milliseconds) {
        func floored(_ value: Int64, _ by: Int64) -> Int64 {
            value / by - (value % by < 0 ? 1 : 0)
        }
        let days = floored(time, 86_400_000)
        let rest = time - days * 86_400_000
        (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60)
        (second, millisecond) = (rest / 1000 % 60, rest % 1000)
        weekday = ((days + 4) % 7 + 7) % 7
        let shifted = days + 719_468
        let era = floored(shifted, 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let number = (5 * ofYear + 2) / 153
        day = ofYear - (153 * number + 2) / 5 + 1
        month = number < 10 ? number + 3 : number - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let before: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        yearDay = before[Int(month - 1)] + day + (isLeap && month > 2 ? 1 : 0)
    }

    static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value.magnitude)
        return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count))
            + digits
    }

    /// `2026-01-31 12:00:00.5 +0000 UTC`.
    var description: String {
        let date = [Self.padded(year, 4), Self.padded(month, 2), Self.padded(day, 2)]
        let clock = [Self.padded(hour, 2), Self.padded(minute, 2), Self.padded(second, 2)]
        return date.joined(separator: "-") + " " + clock.joined(separator: ":")
            + Self.fraction(millisecond) + " +0000 UTC"
    }

    /// `.5`, without zeros at the end.
    private static func fraction(_ milliseconds: Int64) -> String {
        guard milliseconds != 0 else { return "" }
        var digits = padded(milliseconds, 3)
        while digits.last == "0" { digits.removeLast() }
        return "." + digits
    }

    /// By a layout of Go's, which is how it would print 2006-01-02 15:04:05.
    func format(_ layout: String) -> String {
        let hour12 = hour % 12 == 0 ? 12 : hour % 12
        let words: [(String, String)] = [
            ("January", Self.months[Int(month - 1)]), ("Monday", Self.weekdays[Int(weekday)]),
            ("2006", Self.padded(year, 4)), ("-07:00", "+00:00"), ("Z07:00", "Z"),
            ("-0700", "+0000"), ("Z0700", "Z"),
            ("Jan", String(Self.months[Int(month - 1)].prefix(3))),
            ("Mon", String(Self.weekdays[Int(weekday)].prefix(3))), ("MST", "UTC"),
            (".000", "." + Self.padded(millisecond, 3)), (".999", Self.fraction(millisecond)),
            ("002", Self.padded(yearDay, 3)), ("01", Self.padded(month, 2)),
            ("02", Self.padded(day, 2)), ("03", Self.padded(hour12, 2)),
            ("04", Self.padded(minute, 2)), ("05", Self.padded(second, 2)),
            ("06", Self.padded(year % 100, 2)), ("15", Self.padded(hour, 2)),
            ("_2", day < 10 ? " \(day)" : String(day)), ("PM", hour < 12 ? "AM" : "PM"),
            ("pm", hour < 12 ? "am" : "pm"), ("1", String(month)), ("2", String(day)),
            ("3", String(hour12)), ("4", String(minute)), ("5", String(second)),
        ]
        var result = ""
        var rest = Substring(layout)
        while !rest.isEmpty {
            if let (word, value) = words.first(where: { rest.hasPrefix($0.0) }) {
                result += value
                rest = rest.dropFirst(word.count)
            } else if let first = rest.popFirst() {
                result.append(first)
            }
        }
        return result
    }

    /// Nanoseconds as Go's `time.Duration` prints them: `1h2m3.5s`, `1.5ms`, `0s`.
    static func duration(_ nanoseconds: Int64) -> String {
        guard nanoseconds != 0 else { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let total = nanoseconds.magnitude
        func decimal(_ value: UInt64, _ unit: UInt64) -> String {
            var digits = String(value % unit)
            guard value % unit != 0 else { return String(value / unit) }
            digits = String(repeating: "0", count: String(unit).count - 1 - digits.count) + digits
            while digits.last == "0" { digits.removeLast() }
            return "\(value / unit).\(digits)"
        }
        if total < 1000 { return "\(sign)\(total)ns" }
        if total < 1_000_000 { return sign + decimal(total, 1000) + "µs" }
        if total < 1_000_000_000 { return sign + decimal(total, 1_000_000) + "ms" }
        let minutes = total / 60_000_000_000
        let seconds = decimal(total % 60_000_000_000, 1_000_000_000) + "s"
        if minutes == 0 { return sign + seconds }
        if minutes < 60 { return "\(sign)\(minutes)m\(seconds)" }
        return "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }
}
