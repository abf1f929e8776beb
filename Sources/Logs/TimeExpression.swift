// SPDX-License-Identifier: Apache-2.0

/// Times as people write them; one reader for all commands.
public enum TimeExpression {
    /// Why a text is no time.
    public struct Failure: Error, CustomStringConvertible {
        /// What was found and what is understood.
        public let description: String
    }

    /// Nanoseconds since the epoch: RFC 3339, `2026-01-31[ 12:00[:00]]` (UTC), `03:00[:00]` (UTC,
    /// the last time it was that), epoch seconds or milliseconds, or a time before `now` such as
    /// `42m`, `1h30m`, `-1h`, `3 days ago`.
    public static func parse(_ text: String, now: Int64) throws(Failure) -> Int64 {
        let trimmed = text.hasPrefix("-") ? String(text.dropFirst()) : text
        if let time = rfc3339(text) { return time }
        if let time = date(text) { return time }
        if let time = clock(text, now: now) { return time }
        if text == "now" { return now }
        if text == "yesterday" { return now - 86_400_000_000_000 }
        if let number = Int64(trimmed), number >= 0 {
            let unit: Int64 = number > 100_000_000_000 ? 1_000_000 : 1_000_000_000
            if number < Int64.max / unit { return number * unit }
        }
        if let ago = duration(trimmed) { return now - ago }
        throw Failure(
            description: "`\(text.prefix(40))` is no time: use RFC 3339, `2026-01-31 12:00`, epoch "
                + "seconds, or a time ago such as 10m, 1h30m or 2d")
    }

    /// An RFC 3339 time in nanoseconds since the epoch.
    public static func rfc3339(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[10] | 0x20 == 0x74,
            let seconds = civil(bytes[..<10], bytes[11..<19])
        else { return nil }
        var at = 19
        var nanoseconds: Int64 = 0
        if bytes[at] == 0x2e {
            at += 1
            var place: Int64 = 100_000_000
            while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
                nanoseconds += Int64(bytes[at] - 0x30) * place
                place /= 10
                at += 1
            }
        }
        guard at < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[at] | 0x20 == 0x7a {
            guard at + 1 == bytes.count else { return nil }
        } else {
            guard bytes.count == at + 6, bytes[at] == 0x2b || bytes[at] == 0x2d,
                let hours = number(bytes[(at + 1)..<(at + 3)]), bytes[at + 3] == 0x3a,
                let minutes = number(bytes[(at + 4)..<(at + 6)])
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[at] == 0x2b ? 60 : -60)
        }
        let (scaled, overflow) = (seconds - offset).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : scaled + nanoseconds
    }

    private static func date(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard [10, 16, 19].contains(bytes.count) else { return nil }
        var clock = Array("00:00:00".utf8)
        if bytes.count > 10 {
            guard bytes[10] == 0x20 || bytes[10] | 0x20 == 0x74 else { return nil }
            clock.replaceSubrange(0..<(bytes.count - 11), with: bytes[11...])
        }
        return civil(bytes[..<10], clock[...]).flatMap {
            $0 < 9_000_000_000 ? $0 * 1_000_000_000 : nil
        }
    }

    /// The last time before `now` at which a clock in UTC showed `HH:MM` or `HH:MM:SS`.
    private static func clock(_ text: String, now: Int64) -> Int64? {
        let bytes = Array(text.utf8)
        guard [5, 8].contains(bytes.count), bytes[2] == 0x3a else { return nil }
        let whole = bytes + (bytes.count == 5 ? Array(":00".utf8) : [])
        guard let seconds = civil(Array("1970-01-01".utf8)[...], whole[...]) else { return nil }
        let day: Int64 = 86_400_000_000_000
        let today = now / day * day + seconds * 1_000_000_000
        return today > now ? today - day : today
    }

    /// Seconds since the epoch of `YYYY-MM-DD` and `HH:MM:SS`.
    private static func civil(_ date: ArraySlice<UInt8>, _ clock: ArraySlice<UInt8>) -> Int64? {
        let d = Array(date)
        let c = Array(clock)
        guard d.count == 10, c.count == 8, d[4] == 0x2d, d[7] == 0x2d, c[2] == 0x3a, c[5] == 0x3a,
            let year = number(d[0..<4]), let month = number(d[5..<7]), let day = number(d[8..<10]),
            let hour = number(c[0..<2]), let minute = number(c[3..<5]),
            let second = number(c[6..<8]),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        // Days since the epoch, counting years from March so that the leap day comes last.
        let y = month <= 2 ? year - 1 : year
        let shifted = (month + 9) % 12
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 719_469
        return days * 86400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    private static func duration(_ text: String) -> Int64? {
        let units: [String: Int64] = [
            "ms": 1_000_000, "s": 1_000_000_000, "sec": 1_000_000_000, "m": 60_000_000_000,
            "min": 60_000_000_000, "h": 3_600_000_000_000, "hour": 3_600_000_000_000,
            "d": 86_400_000_000_000, "day": 86_400_000_000_000, "w": 604_800_000_000_000,
            "week": 604_800_000_000_000,
        ]
        var rest = Substring(text.hasSuffix(" ago") ? String(text.dropLast(4)) : text)
        var total: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            var name = rest[digits.endIndex...].drop { $0 == " " }.prefix { $0.isLetter }
            rest = rest[name.endIndex...].drop { $0 == " " }
            if name.count > 2, name.hasSuffix("s") { name = name.dropLast() }
            guard let count = Int64(digits), let unit = units[String(name)] else { return nil }
            let (part, overflow) = count.multipliedReportingOverflow(by: unit)
            let (sum, overflowAgain) = total.addingReportingOverflow(part)
            guard !overflow, !overflowAgain else { return nil }
            total = sum
        }
        return total
    }
}
