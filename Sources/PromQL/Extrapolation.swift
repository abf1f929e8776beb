// SPDX-License-Identifier: Apache-2.0

import Model

/// How far what samples say of a window is drawn out to its edges: to an edge that is within 110 % of
/// the samples' mean distance, else by half that distance. Of all that `rate`, `increase` and `delta`
/// compute it is what depends on times alone.
struct Extrapolation {
    /// The functions.
    enum Kind {
        case rate, increase, delta

        init?(_ function: RangeFunction) {
            switch function {
            case .rate: self = .rate
            case .increase: self = .increase
            case .delta: self = .delta
            default: return nil
            }
        }
    }

    private let firstTime: Milliseconds
    private let lastTime: Milliseconds
    private let count: Int
    /// Seconds from the first sample to the last.
    private let sampled: Double
    /// Seconds by which it is drawn out.
    private let toStart: Double
    private let toEnd: Double
    /// What the difference of the last and the first sample is multiplied with.
    private let factor: Double

    /// Of a window with two samples or more.
    init(_ kind: Kind, _ window: Window) {
        let times = window.times
        count = times.count
        (firstTime, lastTime) = (times[0], times[count - 1])
        sampled = Double(lastTime - firstTime) / 1000
        let mean = sampled / Double(count - 1)
        let threshold = mean * 1.1
        var toStart = Double(firstTime - window.start) / 1000
        var toEnd = Double(window.end - lastTime) / 1000
        if toStart >= threshold { toStart = mean / 2 }
        if toEnd >= threshold { toEnd = mean / 2 }
        (self.toStart, self.toEnd) = (toStart, toEnd)
        factor = Self.factor(kind, sampled, toStart, toEnd, window)
    }

    private static func factor(
        _ kind: Kind, _ sampled: Double, _ toStart: Double, _ toEnd: Double, _ window: Window
    ) -> Double {
        let factor = sampled == 0 ? 1 : (sampled + toStart + toEnd) / sampled
        return kind == .rate ? factor / (Double(window.end - window.start) / 1000) : factor
    }

    /// Whether it is also that of another window of the same step.
    @inline(__always)
    func holds(for window: Window) -> Bool {
        let times = window.times
        return times.count == count && times[0] == firstTime && times[count - 1] == lastTime
    }

    /// The function's value. A counter is not drawn out to where it was below zero.
    @inline(__always)
    func value(_ kind: Kind, _ window: Window) -> Double {
        let values = window.values
        let first = values[0]
        var increase = values[count - 1] - first
        guard kind != .delta else { return increase * factor }
        if !window.isMonotonic {
            var previous = first
            for value in values {
                if value < previous { increase += previous }
                previous = value
            }
        }
        // A first value as large as the increase is far from zero; no need to divide.
        guard increase > 0, first >= 0, first < increase || sampled < toStart else {
            return increase * factor
        }
        let toZero = Swift.min(toStart, sampled * (first / increase))
        return increase * Self.factor(kind, sampled, toZero, toEnd, window)
    }
}

/// The extrapolations of one series' steps. Series that are sampled together have the same ones, which
/// are computed once.
struct Extrapolations {
    private var steps: [Extrapolation?] = []

    /// The value of the window of step `i`, or `Absent`.
    @inline(__always)
    mutating func value(_ kind: Extrapolation.Kind, at i: Int, _ window: Window) -> Double {
        guard window.values.count > 1 else { return Absent.value }
        if i < steps.count, let known = steps[i], known.holds(for: window) {
            return known.value(kind, window)
        }
        let made = Extrapolation(kind, window)
        while steps.count <= i { steps.append(nil) }
        steps[i] = made
        return made.value(kind, window)
    }
}
