// SPDX-License-Identifier: Apache-2.0

/// Round places on an axis.
enum Ticks {
    /// At most `count` multiples of 1, 2 or 5 times a power of ten (of two for bytes) within the
    /// interval.
    static func values(from low: Double, to high: Double, count: Int, binary: Bool) -> [Double] {
        guard high > low, (high - low).isFinite, count > 0 else { return [low] }
        let least = (high - low) / Double(count)
        // Powers of ten cannot be divided further than this, and zero would never end.
        guard least > 1e-300, least < 1e300 else { return [low, high] }
        var step = 1.0
        if binary && least >= 1 {
            while step < least { step *= 2 }
        } else {
            while step > least { step /= 10 }
            while step * 10 <= least { step *= 10 }
            step = [1, 2, 5, 10].map { $0 * step }.first { $0 >= least } ?? step * 10
        }
        var found: [Double] = []
        var index = (low / step).rounded(.up)
        while index * step <= high, found.count <= count {
            found.append(index * step)
            index += 1
        }
        return found
    }

    private static let timeSteps: [Int64] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
        172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
    ]

    /// At most `count` round seconds within the interval, and the text of each, in UTC.
    static func times(
        from low: Double, to high: Double, count: Int
    ) -> [(time: Double, text: String)] {
        guard abs(low) < 1e11, abs(high) < 1e11, high >= low, count > 0 else { return [] }
        let least = (high - low) / Double(count)
        let step = timeSteps.first { Double($0) >= least } ?? 31_536_000 * 10
        var found: [(Double, String)] = []
        var at = Int64((low / Double(step)).rounded(.up)) * step
        while Double(at) <= high, found.count <= count {
            found.append((Double(at), text(at, step)))
            at += step
        }
        return found
    }

    private static func text(_ seconds: Int64, _ step: Int64) -> String {
        let ofDay = Int(((seconds % 86400) + 86400) % 86400)
        let (_, month, day) = civil(days: (seconds - Int64(ofDay)) / 86400)
        if step >= 86400 || ofDay == 0 && step >= 3600 { return two(month) + "-" + two(day) }
        let clock = two(ofDay / 3600) + ":" + two(ofDay / 60 % 60)
        return step < 60 ? clock + ":" + two(ofDay % 60) : clock
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
    private static func civil(days: Int64) -> (Int, Int, Int) {
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let doe = z - era * 146_097
        let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        let month = mp < 10 ? mp + 3 : mp - 9
        let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(doy - (153 * mp + 2) / 5 + 1))
    }
}
