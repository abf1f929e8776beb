// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import PromQL
import QueryTestSupport

/// Whether an expression has the value a script says.
struct Check {
    let engine: Engine
    let evaluation: Evaluation

    private static let tolerance = 1e-6

    /// What is wrong, or nil.
    func failure() -> String? {
        switch evaluation.kind {
        case .instant(let time):
            instantFailure(evaluation.expression, at: time)
                ?? pinnedFailure(time) ?? rangeFailure(time)
        case .range(let start, let end, let step):
            compare(
                Result {
                    try engine.range(
                        evaluation.expression, start: start, end: end, step: step)
                }
            ) { compareRange($0, start: start, end: end, step: step) }
        }
    }

    private func compare(
        _ result: Result<QueryResult, any Error>, _ body: (QueryValue) -> String?
    ) -> String? {
        switch result {
        case .failure(let error):
            guard evaluation.isFailure else { return "failed: \(error)" }
            if let text = evaluation.failure.text,
                !Self.matches("\(error)", evaluation.failure.isExact, text)
            {
                return "failed with \"\(error)\" instead of \"\(text)\""
            }
            return nil
        case .success(let result):
            if evaluation.isFailure { return "did not fail, gave \(result.value)" }
            return remarks(result) ?? body(result.value)
        }
    }

    private static func matches(_ text: String, _ isExact: Bool, _ wanted: String) -> Bool {
        if isExact { return text == wanted }
        return (try? Pattern(".*(?:\(wanted)).*"))?.matches(text) ?? false
    }

    private func remarks(_ result: QueryResult) -> String? {
        if evaluation.noWarnings, !result.warnings.isEmpty { return "warned: \(result.warnings)" }
        if evaluation.noInfos, !result.infos.isEmpty { return "informed: \(result.infos)" }
        for (kind, wanted, given) in [
            ("warning", evaluation.warnings, result.warnings),
            ("info", evaluation.infos, result.infos),
        ] {
            if !wanted.isEmpty, given.isEmpty { return "no \(kind)" }
            for one in wanted {
                guard let text = one.text else { continue }
                if !given.contains(where: { Self.matches($0, one.isExact, text) }) {
                    return "\(kind) \(given) instead of \"\(text)\""
                }
            }
        }
        return nil
    }

    // MARK: Values

    static func equal(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        if a == b { return true }
        let difference = abs(a - b)
        let sum = abs(a) + abs(b)
        if a == 0 || b == 0 || sum < .leastNormalMagnitude {
            return difference < tolerance * .leastNormalMagnitude
        }
        return difference / min(sum, .greatestFiniteMagnitude) < tolerance
    }

    private func instantFailure(_ expression: String, at time: Milliseconds) -> String? {
        compare(Result { try engine.instant(expression, at: time) }) { value in
            switch value {
            case .string(let text, _):
                return text == evaluation.string ? nil : "string \(text)"
            case .scalar(let point):
                guard let wanted = evaluation.scalar else { return "a scalar \(point.value)" }
                return Self.equal(point.value, wanted) ? nil : "\(point.value), not \(wanted)"
            case .matrix(let series):
                guard let (start, step) = evaluation.matrix else { return "a range vector" }
                return compareSeries(series, start: start, step: step)
            case .vector(let samples): return compareVector(samples)
            }
        }
    }

    private func compareVector(_ samples: [VectorSample]) -> String? {
        if let scalar = evaluation.scalar {
            return "a vector \(samples) instead of the scalar \(scalar)"
        }
        guard samples.count == evaluation.series.count else {
            return "\(samples.count) series, not \(evaluation.series.count): \(shown(samples))"
        }
        for (i, wanted) in evaluation.series.enumerated() {
            let found =
                evaluation.isOrdered
                ? (samples[i].labels == wanted.labels ? samples[i] : nil)
                : samples.first { $0.labels == wanted.labels }
            guard let found else {
                return "no \(wanted.labels.pairs) (at \(i)) in \(shown(samples))"
            }
            guard let value = wanted.values.first.flatMap({ $0 }) else { return "no value" }
            if !Self.equal(found.point.value, value) {
                return "\(wanted.labels.pairs): \(found.point.value), not \(value)"
            }
        }
        return nil
    }

    private func shown(_ samples: [VectorSample]) -> String {
        samples.prefix(6).map {
            "\($0.labels.pairs.map { "\($0.name)=\($0.value)" }) \($0.point.value)"
        }
        .joined(separator: "; ")
    }

    private func compareRange(
        _ value: QueryValue, start: Milliseconds, end: Milliseconds, step: Milliseconds
    ) -> String? {
        guard case .matrix(let series) = value else { return "not a matrix" }
        if let scalar = evaluation.scalar {
            return series.allSatisfy { $0.points.allSatisfy { Self.equal($0.value, scalar) } }
                ? nil : "not \(scalar) everywhere"
        }
        return compareSeries(series, start: start, step: step)
    }

    private func compareSeries(
        _ series: [MatrixSeries], start: Milliseconds, step: Milliseconds
    ) -> String? {
        let expected = evaluation.series.filter { $0.values.contains { $0 != nil } }
        guard series.count == expected.count else {
            return "\(series.count) series, not \(expected.count): \(series.prefix(4))"
        }
        for wanted in expected {
            guard let found = series.first(where: { $0.labels == wanted.labels }) else {
                return "no \(wanted.labels.pairs) in \(series.prefix(4).map(\.labels))"
            }
            var points: [Milliseconds: Double] = [:]
            for point in found.points { points[point.timestamp] = point.value }
            for (i, value) in wanted.values.enumerated() {
                let time = start + Milliseconds(i) * step
                switch (points.removeValue(forKey: time), value) {
                case (nil, nil): break
                case (let a?, let b?) where Self.equal(a, b): break
                case (let a, let b):
                    return "\(wanted.labels.pairs) at \(time) ms: "
                        + "\(a.map { "\($0)" } ?? "nothing"), not \(b.map { "\($0)" } ?? "nothing")"
                }
            }
            if !points.isEmpty { return "\(wanted.labels.pairs): more points: \(points)" }
        }
        return nil
    }

    // MARK: The same in other ways

    /// The instant's value as the middle step of a range query.
    private func rangeFailure(_ time: Milliseconds) -> String? {
        let words = ["start()", "end()", "step()", "range()"]
        guard !evaluation.isOrdered, !evaluation.isFailure, evaluation.string == nil,
            evaluation.matrix == nil, !words.contains(where: evaluation.expression.contains)
        else { return nil }
        let result: QueryResult
        do {
            result = try engine.range(
                evaluation.expression, start: time - 60_000, end: time + 60_000, step: 60_000)
        } catch { return "as a range query: failed: \(error)" }
        guard case .matrix(let series) = result.value else { return "as a range query: no matrix" }
        let samples = series.compactMap { one in
            one.points.first { $0.timestamp == time }.map {
                VectorSample(labels: one.labels, point: $0)
            }
        }
        if let scalar = evaluation.scalar {
            return samples.count == 1 && Self.equal(samples[0].point.value, scalar)
                ? nil : "as a range query: \(shown(samples)), not \(scalar)"
        }
        return compareVector(samples).map { "as a range query: " + $0 }
    }

    /// The instant's value with each selector pinned to it, asked for at another time.
    private func pinnedFailure(_ time: Milliseconds) -> String? {
        guard !evaluation.isFailure, evaluation.string == nil, evaluation.matrix == nil,
            let parsed = try? Parser.parse(evaluation.expression),
            let pinned = Pinning.pin(parsed, at: time)
        else { return nil }
        for other in [0, time + 3_600_000] {
            if let failure = instantFailure(pinned.description, at: other) {
                return "pinned, as \(pinned) at \(other) ms: \(failure)"
            }
        }
        return nil
    }
}

/// Pins selectors to a time.
enum Pinning {
    private static let unsafe: Set<String> = [
        "time", "timestamp", "day_of_month", "day_of_week", "day_of_year", "days_in_month",
        "hour", "minute", "month", "year", "predict_linear", "start", "end", "step", "range",
    ]

    /// The expression with each selector outside subqueries pinned; nil when its value depends on
    /// the time all the same.
    static func pin(_ expression: Expression, at time: Milliseconds) -> Expression? {
        switch expression {
        case .number, .string: return expression
        case .paren(let inner, let range): return pin(inner, at: time).map { .paren($0, range) }
        case .unary(let sign, let inner, let range):
            return pin(inner, at: time).map { .unary(sign, $0, range) }
        case .binary(var binary):
            guard let left = pin(binary.left, at: time), let right = pin(binary.right, at: time)
            else { return nil }
            (binary.left, binary.right) = (left, right)
            return .binary(binary)
        case .call(let name, let arguments, let range):
            guard !unsafe.contains(name) else { return nil }
            let pinned = arguments.compactMap { pin($0, at: time) }
            return pinned.count == arguments.count ? .call(name, pinned, range) : nil
        case .aggregate(var aggregate):
            guard let operand = pin(aggregate.operand, at: time) else { return nil }
            aggregate.operand = operand
            if let parameter = aggregate.parameter {
                guard let pinned = pin(parameter, at: time) else { return nil }
                aggregate.parameter = pinned
            }
            return .aggregate(aggregate)
        case .selector(var selector):
            if selector.at == .start || selector.at == .end { return nil }
            if selector.at == nil { selector.at = .time(time) }
            return .selector(selector)
        case .subquery(var subquery):
            // What is inside keeps its own times, so all of it must be pinned already or move
            // with the subquery.
            if subquery.at == .start || subquery.at == .end { return nil }
            if "\(subquery.operand)".contains("()") { return nil }
            if subquery.at == nil { subquery.at = .time(time) }
            return .subquery(subquery)
        }
    }
}
