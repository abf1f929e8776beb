// SPDX-License-Identifier: Apache-2.0

import Codecs

/// Reads times as programs write them into lines.
enum TimestampReader {
    private static let months = Array("janfebmaraprmayjunjulaugsepoctnovdec".utf8)

    /// Nanoseconds since the epoch of RFC 3339 with `T` or a blank, `.` or `,` before the fraction
    /// and UTC unless it says otherwise; of access logs' `31/Jan/2026:10:00:00 +0100`; of seconds,
    /// milliseconds, microseconds or nanoseconds since the epoch. Nil for anything else.
    static func parse(_ b: [UInt8]) -> Int64? {
        guard b.count >= 9, b.count <= 64 else { return nil }
        if b[4] == 0x2d || b[4] == 0x2f { return date(b) }
        if b.count >= 20, b[2] == 0x2f { return access(b) }
        return epoch(b)
    }

    private static func number(_ b: [UInt8], _ from: Int, _ count: Int) -> Int64? {
        guard from + count <= b.count else { return nil }
        var value: Int64 = 0
        for byte in b[from..<(from + count)] {
            guard byte &- 0x30 < 10 else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    /// Seconds since the epoch.
    private static func civil(
        _ year: Int64, _ month: Int64, _ day: Int64, _ b: [UInt8], clock at: Int
    ) -> Int64? {
        guard let hour = number(b, at, 2), let minute = number(b, at + 3, 2),
            let second = number(b, at + 6, 2), (1...12).contains(month), (1...31).contains(day),
            (1900...2261).contains(year), hour < 24, minute < 60, second < 61, b[at + 2] == 0x3a,
            b[at + 5] == 0x3a
        else { return nil }
        let days = CivilDay.number(year: year, month: month, day: day)
        return days * 86400 + hour * 3600 + minute * 60 + second
    }

    private static func date(_ b: [UInt8]) -> Int64? {
        guard b.count >= 19, b[7] == b[4], b[10] == 0x20 || b[10] | 0x20 == 0x74,
            let year = number(b, 0, 4), let month = number(b, 5, 2), let day = number(b, 8, 2),
            let seconds = civil(year, month, day, b, clock: 11)
        else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if at < b.count, b[at] == 0x2e || b[at] == 0x2c {
            at += 1
            var place: Int64 = 100_000_000
            while at < b.count, b[at] &- 0x30 < 10 {
                fraction += Int64(b[at] - 0x30) * place
                place /= 10
                at += 1
            }
        }
        guard let zone = zone(b, at) else { return nil }
        return (seconds - zone) * 1_000_000_000 + fraction
    }

    private static func access(_ b: [UInt8]) -> Int64? {
        guard let day = number(b, 0, 2), let year = number(b, 7, 4) else { return nil }
        let name = b[3..<6].map { $0 | 0x20 }
        let month = (0..<12).first { months[($0 * 3)..<($0 * 3 + 3)].elementsEqual(name) }
        guard let month, let seconds = civil(year, Int64(month) + 1, day, b, clock: 12),
            let zone = zone(b, 20)
        else { return nil }
        return (seconds - zone) * 1_000_000_000
    }

    /// Seconds east of UTC of what is left; 0 for nothing and for `Z`.
    private static func zone(_ b: [UInt8], _ from: Int) -> Int64? {
        var at = from
        while at < b.count, b[at] == 0x20 { at += 1 }
        guard at < b.count else { return 0 }
        if b[at] | 0x20 == 0x7a || b[at...].elementsEqual("UTC".utf8) { return 0 }
        guard b[at] == 0x2b || b[at] == 0x2d, let hours = number(b, at + 1, 2) else { return nil }
        let colon = at + 3 < b.count && b[at + 3] == 0x3a ? 1 : 0
        let minutes = number(b, at + 3 + colon, 2) ?? 0
        return (hours * 3600 + minutes * 60) * (b[at] == 0x2b ? 1 : -1)
    }

    private static func epoch(_ b: [UInt8]) -> Int64? {
        let whole = b.prefix { $0 &- 0x30 < 10 }
        guard whole.count >= 9, let number = Int64(String(decoding: whole, as: UTF8.self)) else {
            return nil
        }
        switch whole.count {
        case 9...11:
            var fraction: Int64 = 0
            var place: Int64 = 100_000_000
            if whole.count < b.count {
                guard b[whole.count] == 0x2e else { return nil }
                for byte in b[(whole.count + 1)...] {
                    guard byte &- 0x30 < 10 else { return nil }
                    fraction += Int64(byte - 0x30) * place
                    place /= 10
                }
            }
            return number < 9_000_000_000 ? number * 1_000_000_000 + fraction : nil
        case 12...14: return b.count == whole.count ? number * 1_000_000 : nil
        case 15...17: return b.count == whole.count ? number * 1000 : nil
        default: return b.count == whole.count ? number : nil
        }
    }
}
