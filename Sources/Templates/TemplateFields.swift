// SPDX-License-Identifier: Apache-2.0

import Model

/// The fields and methods of a template's values.
enum TemplateFields {
    /// Whether there is something to call on `value`.
    static func hasMethods(_ value: TemplateValue) -> Bool {
        switch value {
        case .time, .duration: true
        default: false
        }
    }

    /// Why a field of `value`, which has no methods, takes no arguments.
    static func refusal(_ name: String, of value: TemplateValue) -> String {
        switch value {
        case .labels, .arguments: "\(name) is not a method but has arguments"
        case .data, .sample: "\(name) has arguments but cannot be invoked as function"
        default: "can't evaluate field \(name) in type \(value.type)"
        }
    }

    static func field(
        _ name: String, of value: TemplateValue, _ arguments: [TemplateValue]
    ) throws(TemplateFailure) -> TemplateValue {
        if case .time(let time) = value { return try method(name, time, arguments) }
        if case .duration(let nanoseconds) = value {
            switch name {
            case "Seconds": return .number(Double(nanoseconds) / 1e9)
            case "Minutes": return .number(Double(nanoseconds) / 60e9)
            case "Hours": return .number(Double(nanoseconds) / 3600e9)
            case "Milliseconds": return .integer(nanoseconds / 1_000_000)
            case "String": return .text(value.printed)
            default: break
            }
        }
        let found: TemplateValue
        switch (value, name) {
        case (.data(let data), "Labels"): found = .labels(data.labels)
        case (.data(let data), "ExternalLabels"): found = .labels(data.externalLabels)
        case (.data(let data), "ExternalURL"): found = .text(data.externalURL)
        case (.data(let data), "Value"): found = .number(data.value)
        case (.sample(let sample), "Labels"): found = .labels(sample.labels)
        case (.sample(let sample), "Value"): found = .number(sample.value)
        case (.labels(let labels), _):
            found = .text(labels[name])
        case (.arguments(let values), _):
            found = values[name] ?? .nothing
        case (.nothing, _):
            throw TemplateFailure("nil data; no entry for key \(GoFormat.quote(name))")
        default: throw TemplateFailure("can't evaluate field \(name) in type \(value.type)")
        }
        return found
    }

    /// The methods of Go's `time.Time` that say something about a time in UTC.
    private static func method(
        _ name: String, _ time: Int64, _ arguments: [TemplateValue]
    ) throws(TemplateFailure) -> TemplateValue {
        let civil = GoTime(time)
        if name == "Format" {
            guard arguments.count == 1, case .text(let layout) = arguments[0] else {
                throw TemplateFailure(
                    "wrong number of args for Format: want 1 got \(arguments.count)")
            }
            return .text(civil.format(layout))
        }
        guard arguments.isEmpty else {
            throw TemplateFailure(
                "wrong number of args for \(name): want 0 got \(arguments.count)")
        }
        switch name {
        case "Unix": return .integer(time >= 0 ? time / 1000 : (time - 999) / 1000)
        case "UnixMilli": return .integer(time)
        case "UnixNano": return .integer(time.multipliedReportingOverflow(by: 1_000_000).0)
        case "Year": return .integer(civil.year)
        case "Month": return .text(GoTime.months[Int(civil.month - 1)])
        case "Day": return .integer(civil.day)
        case "Hour": return .integer(civil.hour)
        case "Minute": return .integer(civil.minute)
        case "Second": return .integer(civil.second)
        case "Nanosecond": return .integer(civil.millisecond * 1_000_000)
        case "YearDay": return .integer(civil.yearDay)
        case "Weekday": return .text(GoTime.weekdays[Int(civil.weekday)])
        case "String": return .text(civil.description)
        case "UTC", "Local": return .time(time)
        default:
            throw TemplateFailure("can't evaluate field \(name) in type *time.Time")
        }
    }
}
