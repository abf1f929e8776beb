// SPDX-License-Identifier: Apache-2.0

public import Model

/// Durations as PromQL writes them: `1h30m`, units in falling order, each once.
public enum PromQLDuration {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("y", 31_536_000_000), ("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000),
        ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// The longest that can be written: what Go's `time.Duration` holds, 292 years.
    static let longest: Int64 = 9_223_372_036_854

    /// Milliseconds of `text`; nil when it is no duration or longer than can be held.
    public static func parse(_ text: String) -> Milliseconds? {
        var total: Int64 = 0
        var unit = 0
        var rest = Substring(text)
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let count = Int64(digits),
                let found = units.firstIndex(where: { $0.name == name }), found >= unit
            else { return nil }
            let (part, over) = count.multipliedReportingOverflow(by: units[found].milliseconds)
            let (sum, over2) = total.addingReportingOverflow(part)
            guard !over, !over2, sum <= longest else { return nil }
            total = sum
            unit = found + 1
        }
        return total
    }

    /// Milliseconds as Prometheus prints them, such as `1h30m`; a sign in front when negative.
    public static func format(_ milliseconds: Milliseconds) -> String {
        guard milliseconds != 0 else { return "0s" }
        var rest = milliseconds.magnitude
        var text = milliseconds < 0 ? "-" : ""
        for (name, size) in units {
            let size = UInt64(size)
            // Years and weeks only when they come out even: `10d` is not `1w3d`.
            if name == "y" || name == "w", rest % size != 0 { continue }
            let count = rest / size
            if count > 0 {
                text += "\(count)\(name)"
                rest -= count * size
            }
        }
        return text
    }
}

/// A length of time that may depend on the query's step and range. Literals are in seconds.
public indirect enum DurationExpression: Hashable, Sendable {
    /// Seconds; `isDuration` when written as `5m` and not as a number.
    case literal(Double, isDuration: Bool)
    /// `step()` or `range()`, without the parentheses.
    case parameter(String)
    /// `min_of(a, b)` or `max_of(a, b)`.
    case call(String, DurationExpression, DurationExpression)
    /// A sign.
    case negative(DurationExpression)
    /// Arithmetic: one of `+ - * / % ^`.
    case binary(String, DurationExpression, DurationExpression)
    /// Parentheses.
    case paren(DurationExpression)

    /// The seconds it comes to, in a query of this step and range in seconds.
    func seconds(step: Double, range: Double) throws(QueryError) -> Double {
        switch self {
        case .literal(let value, _): return value
        case .parameter(let name): return name == "step" ? step : range
        case .negative(let inner): return -(try inner.seconds(step: step, range: range))
        case .paren(let inner): return try inner.seconds(step: step, range: range)
        case .call(let name, let a, let b):
            let left = try a.seconds(step: step, range: range)
            let right = try b.seconds(step: step, range: range)
            return name == "min_of" ? min(left, right) : max(left, right)
        case .binary(let symbol, let a, let b):
            let left = try a.seconds(step: step, range: range)
            let right = try b.seconds(step: step, range: range)
            if right == 0, symbol == "/" || symbol == "%" {
                throw QueryError(
                    .badData, symbol == "/" ? "division by zero" : "modulo by zero")
            }
            return Arithmetic.scalar(symbol, left, right)
        }
    }

    /// The milliseconds it comes to.
    func milliseconds(step: Double, range: Double) throws(QueryError) -> Milliseconds {
        let seconds = try seconds(step: step, range: range)
        guard seconds.isFinite, abs(seconds) * 1000 <= Double(PromQLDuration.longest) else {
            throw QueryError(.badData, "duration out of range")
        }
        return Milliseconds((seconds * 1000).rounded(.towardZero))
    }

    /// The milliseconds of a literal, nil when it depends on anything or has an operator.
    public var literalMilliseconds: Milliseconds? {
        switch self {
        case .literal(let value, _): Milliseconds((value * 1000).rounded(.towardZero))
        case .negative(.literal(let value, _)):
            -Milliseconds((value * 1000).rounded(.towardZero))
        default: nil
        }
    }
}
