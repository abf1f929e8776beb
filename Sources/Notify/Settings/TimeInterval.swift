// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Model

/// A recurring stretch of time, by the parts that Alertmanager's `time_intervals` have. A part that is
/// empty does not restrict; all others must hold.
public struct TimeInterval: Hashable, Sendable {
    /// Minutes of the day: from, and up to but not including.
    public var times: [Range<Int>] = []
    /// Days of the week, Sunday is 0.
    public var weekdays: [ClosedRange<Int>] = []
    /// Days of the month from 1; negative ones count from its end, -1 is the last.
    public var daysOfMonth: [(first: Int, last: Int)] = []
    /// Months from 1.
    public var months: [ClosedRange<Int>] = []
    /// Years.
    public var years: [ClosedRange<Int>] = []
    /// Whether the host's time zone counts instead of UTC.
    public var isLocal = false

    /// All of time.
    public init() {}

    /// Whether `time` is within.
    public func contains(_ time: Milliseconds) -> Bool {
        var seconds = time_t((Double(time) / 1000).rounded(.down))
        var parts = tm()
        if isLocal { localtime_r(&seconds, &parts) } else { gmtime_r(&seconds, &parts) }
        func holds<R: RangeExpression<Int>>(_ ranges: [R], _ value: Int32) -> Bool {
            ranges.isEmpty || ranges.contains { $0.contains(Int(value)) }
        }
        let day = Int(parts.tm_mday)
        let last = Self.days(inMonth: Int(parts.tm_mon) + 1, of: Int(parts.tm_year) + 1900)
        let isDay =
            daysOfMonth.isEmpty
            || daysOfMonth.contains { range in
                let first = range.first < 0 ? max(1, last + range.first + 1) : range.first
                let end = range.last < 0 ? last + range.last + 1 : min(range.last, last)
                return first <= day && day <= end
            }
        return isDay && holds(times, parts.tm_hour * 60 + parts.tm_min)
            && holds(weekdays, parts.tm_wday) && holds(months, parts.tm_mon + 1)
            && holds(years, parts.tm_year + 1900)
    }

    private static func days(inMonth month: Int, of year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return switch month {
        case 2: isLeap ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Whether two intervals have the same parts.
    public static func == (a: TimeInterval, b: TimeInterval) -> Bool {
        a.times == b.times && a.weekdays == b.weekdays && a.months == b.months
            && a.years == b.years && a.isLocal == b.isLocal
            && a.daysOfMonth.elementsEqual(b.daysOfMonth) { $0 == $1 }
    }

    /// Hashes what distinguishes most intervals.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(times)
        hasher.combine(weekdays)
        hasher.combine(months)
        hasher.combine(years)
    }
}
