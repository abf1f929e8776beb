// SPDX-License-Identifier: Apache-2.0

/// RFC 3339 with nanoseconds in UTC, trailing zeros of the fraction trimmed, as Go prints it.
enum Timestamp {
    static func add(_ nanoseconds: Int64, to text: inout Message) {
        let seconds = nanoseconds / 1_000_000_000
        var fraction = nanoseconds % 1_000_000_000
        let (year, month, day) = date(daysSinceEpoch: seconds / 86400)
        let second = seconds % 86400
        text.add(year)
        text.add("-")
        two(month, &text)
        text.add("-")
        two(day, &text)
        text.add("T")
        two(second / 3600, &text)
        text.add(":")
        two(second / 60 % 60, &text)
        text.add(":")
        two(second % 60, &text)
        if fraction > 0 {
            text.add(".")
            var place: Int64 = 100_000_000
            while fraction > 0 {
                text.add(UInt8(ascii: "0") + UInt8(fraction / place))
                fraction %= place
                place /= 10
            }
        }
        text.add("Z")
    }

    private static func two(_ value: Int64, _ text: inout Message) {
        text.add(UInt8(ascii: "0") + UInt8(value / 10))
        text.add(UInt8(ascii: "0") + UInt8(value % 10))
    }

    /// The civil date of a day count, in the proleptic Gregorian calendar: years are counted from
    /// March, so that the leap day is the last of its year.
    private static func date(daysSinceEpoch days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
