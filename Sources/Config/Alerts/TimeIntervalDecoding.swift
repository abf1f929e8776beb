// SPDX-License-Identifier: Apache-2.0

import Notify
import YAML

/// Named intervals of time out of YAML, as Alertmanager writes them.
enum TimeIntervalDecoding {
    private static let weekdays = [
        "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
    ]
    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september",
        "october", "november", "december",
    ]

    static func intervals(_ node: YAMLNode) throws(ValueError) -> [String: [TimeInterval]] {
        var all: [String: [TimeInterval]] = [:]
        for item in try Value.list(node) {
            let fields = try Fields(item, "a time interval", known: ["name", "time_intervals"])
            let name = try fields.required("name")
            guard all[name] == nil else {
                throw ValueError("there are two time intervals `\(name)`", at: fields.mark)
            }
            var intervals: [TimeInterval] = []
            for one in try fields.list("time_intervals") { intervals.append(try interval(one)) }
            guard !intervals.isEmpty else {
                throw ValueError("the time interval `\(name)` has no times", at: fields.mark)
            }
            all[name] = intervals
        }
        return all
    }

    private static func interval(_ node: YAMLNode) throws(ValueError) -> TimeInterval {
        let fields = try Fields(
            node, "a time interval",
            known: ["times", "weekdays", "days_of_month", "months", "years", "location"])
        var interval = TimeInterval()
        for time in try fields.list("times") {
            let parts = try Fields(time, "a range of times", known: ["start_time", "end_time"])
            let start = try minutes(try parts.required("start_time"), parts.mark)
            let end = try minutes(try parts.required("end_time"), parts.mark)
            guard start < end else {
                throw ValueError(
                    "a range of times ends after it starts; over midnight, write two",
                    at: parts.mark)
            }
            interval.times.append(start..<end)
        }
        interval.weekdays = try ranges(fields, "weekdays", 0...6, names: weekdays, first: 0)
        interval.months = try ranges(fields, "months", 1...12, names: months, first: 1)
        interval.years = try ranges(fields, "years", 1970...9999, names: [], first: 0)
        for node in try fields.list("days_of_month") {
            let (first, last) = try bounds(node, -31...31, names: [], first: 0)
            guard first != 0, last != 0, (first > 0) != (last > 0) || first <= last else {
                throw ValueError(
                    "days of a month are 1 to 31, or -1 to -31 from its end", at: node.mark)
            }
            interval.daysOfMonth.append((first, last))
        }
        switch try fields.text("location") ?? "UTC" {
        case "UTC": break
        case "Local": interval.isLocal = true
        default:
            throw ValueError(
                "`location` is UTC or Local, the host's time zone", at: fields["location"]?.mark)
        }
        return interval
    }

    /// Minutes since midnight of `HH:MM`, up to `24:00`.
    private static func minutes(_ text: String, _ mark: Mark) throws(ValueError) -> Int {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = Int(parts[0]),
            let minute = Int(parts[1]), (0...24).contains(hour), (0..<60).contains(minute),
            hour < 24 || minute == 0
        else { throw ValueError("a time of day is HH:MM, 00:00 to 24:00", at: mark) }
        return hour * 60 + minute
    }

    private static func ranges(
        _ fields: Fields, _ key: String, _ allowed: ClosedRange<Int>, names: [String], first: Int
    ) throws(ValueError) -> [ClosedRange<Int>] {
        var all: [ClosedRange<Int>] = []
        for node in try fields.list(key) {
            let (low, high) = try bounds(node, allowed, names: names, first: first)
            guard low <= high else {
                throw ValueError(
                    "`\(key)`: a range goes from the lower to the higher", at: node.mark)
            }
            all.append(low...high)
        }
        return all
    }

    /// `A:B` or `A`, in numbers or names.
    private static func bounds(
        _ node: YAMLNode, _ allowed: ClosedRange<Int>, names: [String], first: Int
    ) throws(ValueError) -> (Int, Int) {
        let parts = try Value.text(node).lowercased().split(separator: ":").map { part in
            names.firstIndex(of: String(part)).map { $0 + first } ?? Int(part)
        }
        guard (1...2).contains(parts.count), let low = parts[0], let high = parts[parts.count - 1],
            allowed.contains(low), allowed.contains(high)
        else {
            let words = names.isEmpty ? "" : ", or names such as \(names[1]):\(names[3])"
            throw ValueError(
                "expected a range from \(allowed.lowerBound) to \(allowed.upperBound)\(words)",
                at: node.mark)
        }
        return (low, high)
    }
}
