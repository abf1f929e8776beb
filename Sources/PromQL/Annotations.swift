// SPDX-License-Identifier: Apache-2.0

import Model

/// What the user should know about an answer, worded as Prometheus words it
/// (`util/annotations/annotations.go`), each remark once.
struct Annotations {
    private var warnings: [String] = []
    private var infos: [String] = []
    private var seen: Set<String> = []
    private var monotonicity: [String: Monotonicity] = [:]
    private let text: String

    /// Remarks of a kind beyond this many are only counted.
    private static let limit = 10

    init(text: String) { self.text = text }

    /// ` (line:column)` of a place in the query.
    private func place(_ range: Range<Int>) -> String {
        let located = QueryError(.badData, "", at: range.lowerBound).located(in: text)
        let parts = located.message.split(separator: ":", maxSplits: 2)
        return parts.count > 1 ? " (\(parts[0]):\(parts[1]))" : ""
    }

    mutating func warn(_ message: String, _ range: Range<Int>) {
        let line = "PromQL warning: \(message)\(place(range))"
        if seen.insert(line).inserted { warnings.append(line) }
    }

    mutating func info(_ message: String, _ range: Range<Int>) {
        let line = "PromQL info: \(message)\(place(range))"
        if seen.insert(line).inserted { infos.append(line) }
    }

    mutating func quantileOutOfRange(_ value: Double, _ range: Range<Int>) {
        warn(
            "quantile value should be between 0 and 1, got \(Quoting.general(value))", range)
    }

    mutating func notACounter(_ name: String, _ range: Range<Int>) {
        info(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                + Quoting.quote(name), range)
    }

    mutating func badBucket(_ value: String, metric: String, _ range: Range<Int>) {
        warn(
            "bucket label \"le\" is missing or has a malformed value of \(Quoting.quote(value))"
                + Self.forMetric(metric), range)
    }

    private static func forMetric(_ name: String) -> String {
        name.isEmpty ? "" : " for metric name \(Quoting.quote(name))"
    }

    /// Buckets that had to be made monotonic, over all steps and histograms of one call.
    private struct Monotonicity {
        var from = Double.infinity
        var to = -Double.infinity
        var difference = 0.0
        var count = 0
        var first = Milliseconds.max
        var last = Milliseconds.min
        var place = ""
    }

    mutating func forcedMonotonic(
        metric: String, at time: Milliseconds, from: Double, to: Double, by difference: Double,
        _ range: Range<Int>
    ) {
        let key =
            "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
            + "https://prometheus.io/docs/prometheus/latest/querying/functions/"
            + "#histogram_quantile)" + Self.forMetric(metric)
        var one = monotonicity[key] ?? Monotonicity(place: place(range))
        one.from = min(one.from, from)
        one.to = max(one.to, to)
        one.difference = max(one.difference, difference)
        one.count += 1
        one.first = min(one.first, time)
        one.last = max(one.last, time)
        monotonicity[key] = one
    }

    /// The warnings and the infos.
    func texts() -> (warnings: [String], infos: [String]) {
        let forced = monotonicity.sorted { $0.key < $1.key }.map { key, one in
            "\(key), from buckets \(Quoting.general(one.from)) to \(Quoting.general(one.to)), "
                + "with a max diff of \(Self.twoDigits(one.difference)), over \(one.count) "
                + "samples from \(CivilTime(one.first).rfc3339) to "
                + "\(CivilTime(one.last).rfc3339)\(one.place)"
        }
        return (
            Self.limited(warnings, "warning"), Self.limited(infos + forced, "info")
        )
    }

    private static func limited(_ lines: [String], _ kind: String) -> [String] {
        guard lines.count > limit else { return lines }
        return lines.prefix(limit) + ["\(lines.count - limit) more \(kind) annotations omitted"]
    }

    /// Go's `%.2g`.
    private static func twoDigits(_ value: Double) -> String {
        guard value != 0, value.isFinite else { return Quoting.general(value) }
        var exponent = 0
        var scaled = abs(value)
        while scaled >= 10 {
            scaled /= 10
            exponent += 1
        }
        while scaled < 1 {
            scaled *= 10
            exponent -= 1
        }
        var digits = Int((scaled * 10).rounded())
        if digits >= 100 {
            digits /= 10
            exponent += 1
        }
        let sign = value < 0 ? "-" : ""
        if exponent < -4 || exponent >= 2 {
            let fraction = digits % 10 == 0 ? "" : ".\(digits % 10)"
            let magnitude = String(exponent.magnitude)
            return sign + "\(digits / 10)\(fraction)e\(exponent < 0 ? "-" : "+")"
                + (magnitude.count < 2 ? "0" : "") + magnitude
        }
        var power = 1.0
        for _ in 0..<abs(exponent - 1) { power *= 10 }
        return sign
            + Quoting.decimal(exponent < 1 ? Double(digits) / power : Double(digits) * power)
    }
}
