// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// The functions Prometheus adds
/// (https://prometheus.io/docs/prometheus/latest/configuration/template_reference/).
extension TemplateFunction {
    static let prometheus = queries.merging(numbers) { $1 }.merging(texts) { $1 }

    private static let queries: [String: TemplateFunction] = [
        "query": TemplateFunction([.text]) { values, environment in
            .samples(try environment.query(values[0].string ?? ""))
        },
        "first": TemplateFunction([.samples]) { values, _ in
            guard case .samples(let samples) = values[0], let first = samples.first else {
                throw TemplateFailure("first() called on vector with no elements")
            }
            return .sample(first)
        },
        "label": TemplateFunction([.text, .sample]) { values, _ in
            guard case .sample(let sample) = values[1] else { return .text("") }
            return .text(sample.labels[values[0].string ?? ""])
        },
        "value": TemplateFunction([.sample]) { values, _ in
            guard case .sample(let sample) = values[0] else { return .number(0) }
            return .number(sample.value)
        },
        "strvalue": TemplateFunction([.sample]) { values, _ in
            guard case .sample(let sample) = values[0] else { return .text("") }
            return .text(sample.labels["__value__"])
        },
        "sortByLabel": TemplateFunction([.text, .samples]) { values, _ in
            guard case .samples(let samples) = values[1] else { return .samples([]) }
            let name = values[0].string ?? ""
            return .samples(
                samples.sorted {
                    $0.labels[name].utf8.lexicographicallyPrecedes($1.labels[name].utf8)
                })
        },
        "args": TemplateFunction([], variadic: .any) { values, _ in
            var result: [String: TemplateValue] = [:]
            for (i, value) in values.enumerated() { result["arg\(i)"] = value }
            return .arguments(result)
        },
        "now": TemplateFunction([]) { _, environment in
            .number(Double(environment.now) / 1000)
        },
    ]

    private static let numbers: [String: TemplateFunction] = [
        "humanize": numeric(Humanizing.decimal),
        "humanize1024": numeric(Humanizing.binary),
        "humanizeDuration": numeric(Humanizing.duration),
        "humanizePercentage": numeric { GoFormat.four($0 * 100) + "%" },
        "humanizeTimestamp": TemplateFunction([.any]) { values, _ in
            let value = try number(values[0])
            guard value.isFinite else { return .text(GoFormat.four(value)) }
            return .text(GoTime(try milliseconds(value)).description)
        },
        "toTime": TemplateFunction([.any]) { values, _ in
            .time(try milliseconds(try number(values[0])))
        },
        "toDuration": TemplateFunction([.any]) { values, _ in
            let nanoseconds = try number(values[0]) * 1e9
            guard abs(nanoseconds) < 9.2e18 else {
                throw TemplateFailure("the value is no duration: it overflows int64 nanoseconds")
            }
            return .duration(Int64(nanoseconds))
        },
        "parseDuration": TemplateFunction([.text]) { values, _ in
            let text = values[0].string ?? ""
            guard let seconds = Humanizing.parseDuration(text) else {
                throw TemplateFailure(
                    text.isEmpty
                        ? "empty duration string"
                        : "not a valid duration string: \(GoFormat.quote(text))")
            }
            return .number(seconds)
        },
    ]

    private static func numeric(
        _ body: @escaping @Sendable (Double) -> String
    ) -> TemplateFunction {
        TemplateFunction([.any]) { values, _ in .text(body(try number(values[0]))) }
    }

    private static func number(_ value: TemplateValue) throws -> Double {
        switch value {
        case .number(let value): return value
        case .integer(let value): return Double(value)
        case .duration(let nanoseconds): return Double(nanoseconds) / 1e9
        case .text(let text):
            guard let number = Humanizing.parseFloat(text) else {
                throw TemplateFailure(
                    "strconv.ParseFloat: parsing \(GoFormat.quote(text)): invalid syntax")
            }
            return number
        default: throw TemplateFailure("can't convert \(value.type) to float")
        }
    }

    private static func milliseconds(_ seconds: Double) throws -> Milliseconds {
        guard seconds.isFinite, abs(seconds * 1e9) < 0x1p63 else {
            throw TemplateFailure(
                "\(GoFormat.general(seconds)) cannot be represented as a nanoseconds timestamp "
                    + "since it overflows int64")
        }
        return Int64(seconds * 1e9) / 1_000_000
    }

    private static let texts: [String: TemplateFunction] = [
        "title": TemplateFunction([.text]) { values, _ in
            .text(Humanizing.title(values[0].string ?? ""))
        },
        "toUpper": TemplateFunction([.text]) { values, _ in
            .text((values[0].string ?? "").uppercased())
        },
        "toLower": TemplateFunction([.text]) { values, _ in
            .text((values[0].string ?? "").lowercased())
        },
        "safeHtml": TemplateFunction([.text]) { values, _ in .html(values[0].string ?? "") },
        "match": TemplateFunction([.text, .text]) { values, _ in
            let pattern = try pattern(values[0].string ?? "")
            return .boolean(pattern.find(in: Array((values[1].string ?? "").utf8)) != nil)
        },
        "reReplaceAll": TemplateFunction([.text, .text, .text]) { values, _ in
            let pattern = try pattern(values[0].string ?? "")
            return .text(
                pattern.replacingAll(in: values[2].string ?? "", with: values[1].string ?? ""))
        },
        "graphLink": TemplateFunction([.text]) { values, _ in
            .text("/graph?g0.expr=\(TemplateEscaping.query(values[0].string ?? ""))&g0.tab=0")
        },
        "tableLink": TemplateFunction([.text]) { values, _ in
            .text("/graph?g0.expr=\(TemplateEscaping.query(values[0].string ?? ""))&g0.tab=1")
        },
        "urlQueryEscape": TemplateFunction([.text]) { values, _ in
            .text(TemplateEscaping.query(values[0].string ?? ""))
        },
        "stripPort": TemplateFunction([.text]) { values, _ in
            let text = values[0].string ?? ""
            return .text(HostAndPort(text)?.host ?? text)
        },
        "stripDomain": TemplateFunction([.text]) { values, _ in
            .text(HostAndPort.stripDomain(values[0].string ?? ""))
        },
        "externalURL": TemplateFunction([]) { _, environment in .text(environment.externalURL) },
        "pathPrefix": TemplateFunction([]) { _, environment in
            .text(HostAndPort.path(of: environment.externalURL))
        },
    ]

    private static func pattern(_ source: String) throws -> Pattern {
        do { return try Pattern(source, dotMatchesNewline: false) } catch {
            throw TemplateFailure(error.description)
        }
    }
}
