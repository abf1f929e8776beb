// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// Times as RFC 3339 writes them.
enum RFC3339 {
    /// Milliseconds since the epoch; nil when `text` is no such time.
    static func parse(_ text: String) -> Milliseconds? {
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
        // Days since the epoch, counting years from March so that the leap day comes last.
        let y = month <= 2 ? year - 1 : year
        let shifted = (month + 9) % 12
        let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 719_469
        let seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
        return seconds * 1000 + fraction
    }
}

extension UInt64 {
    /// Milliseconds since the epoch.
    static var realtime: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(Swift.max(0, time.tv_sec)) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }
}
