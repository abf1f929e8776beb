// SPDX-License-Identifier: Apache-2.0

/// Writes times as log protocols have them: RFC 3339 in UTC. Lines follow one another closely, so
/// what is before the second's fraction is kept from one to the next.
struct LogTimeWriter {
    private var second = Int64.min
    private var prefix: [UInt8] = []

    /// Appends a time with so many digits after the second.
    mutating func append(_ nanoseconds: Int64, digits: Int, to output: inout [UInt8]) {
        var (second, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest < 0 { (second, rest) = (second - 1, rest + 1_000_000_000) }
        if second != self.second {
            prefix = Self.text(second)
            self.second = second
        }
        output += prefix
        if digits > 0 {
            output.append(UInt8(ascii: "."))
            var scale: Int64 = 100_000_000
            for _ in 0..<digits {
                output.append(UInt8(truncatingIfNeeded: 0x30 + rest / scale % 10))
                scale /= 10
            }
        }
        output.append(UInt8(ascii: "Z"))
    }

    /// Date and time of a second since 1970.
    private static func text(_ second: Int64) -> [UInt8] {
        var output: [UInt8] = []
        let day = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let clock = second - day * 86_400
        let (year, month, date) = civil(day)
        two(Int(year / 100), &output)
        two(Int(year % 100), &output)
        for (mark, value) in [
            (UInt8(ascii: "-"), month), (UInt8(ascii: "-"), date),
            (UInt8(ascii: "T"), clock / 3600),
            (UInt8(ascii: ":"), clock / 60 % 60), (UInt8(ascii: ":"), clock % 60),
        ] {
            output.append(mark)
            two(Int(value), &output)
        }
        return output
    }

    private static func two(_ value: Int, _ output: inout [UInt8]) {
        output.append(UInt8(0x30 + value / 10 % 10))
        output.append(UInt8(0x30 + value % 10))
    }

    /// The date of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date
    /// algorithms", civil_from_days).
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * part + 2) / 5 + 1
        )
    }
}
