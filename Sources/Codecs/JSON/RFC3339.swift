// SPDX-License-Identifier: Apache-2.0

public import Model

/// Times as RFC 3339 writes them.
public enum RFC3339 {
    /// Milliseconds since the epoch; nil when `text` is no such time.
    public static func parse(_ text: String) -> Milliseconds? {
        let bytes = Array(text.utf8)
        func number(_ from: Int, _ count: Int) -> Int64? {
            guard from + count <= bytes.count else { return nil }
            let digits = bytes[from..<(from + count)]
            guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        guard bytes.count >= 20, let year = number(0, 4), let month = number(5, 2),
            let day = number(8, 2), let hour = number(11, 2), let minute = number(14, 2),
            let second = number(17, 2), bytes[4] == 0x2d, bytes[7] == 0x2d,
            bytes[10] | 0x20 == 0x74, bytes[13] == 0x3a, bytes[16] == 0x3a,
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == 0x2e {
            at += 1
            var scale: Int64 = 100
            while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
                fraction += Int64(bytes[at] - 0x30) * scale
                scale /= 10
                at += 1
            }
        }
        guard at < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[at] | 0x20 != 0x7a {
            guard bytes.count == at + 6, let hours = number(at + 1, 2), bytes[at + 3] == 0x3a,
                let minutes = number(at + 4, 2), bytes[at] == 0x2b || bytes[at] == 0x2d
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[at] == 0x2b ? 60 : -60)
        } else if at + 1 != bytes.count {
            return nil
        }
        let days = CivilDay.number(year: year, month: month, day: day)
        let seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
        return seconds * 1000 + fraction
    }

    /// A time in UTC, to the millisecond. Years of four digits only.
    public static func format(_ time: Milliseconds) -> String {
        let day = Int64(86_400_000)
        let (days, rest) = (time.flooredQuotient(day), time - time.flooredQuotient(day) * day)
        // Civil from days, counting years from March so that the leap day comes last.
        let shifted = days + 719_468
        let era = shifted.flooredQuotient(146_097)
        let ofEra = shifted - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let month = (5 * ofYear + 2) / 153
        let number = month < 10 ? month + 3 : month - 9
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = [
            padded(year + era * 400 + (number <= 2 ? 1 : 0), 4), padded(number, 2),
            padded(ofYear - (153 * month + 2) / 5 + 1, 2),
        ]
        let clock = [
            padded(rest / 3_600_000, 2), padded(rest / 60_000 % 60, 2), padded(rest / 1000 % 60, 2),
        ]
        return date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "."
            + padded(rest % 1000, 3) + "Z"
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
