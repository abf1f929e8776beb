// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// The functions of one window of samples.
enum RangeFunction: String {
    case rate
    case increase
    case delta
    case irate
    case idelta
    case deriv
    case changes
    case resets
    case predictLinear = "predict_linear"
    case doubleExponentialSmoothing = "double_exponential_smoothing"
    case avgOverTime = "avg_over_time"
    case sumOverTime = "sum_over_time"
    case countOverTime = "count_over_time"
    case minOverTime = "min_over_time"
    case maxOverTime = "max_over_time"
    case lastOverTime = "last_over_time"
    case firstOverTime = "first_over_time"
    case presentOverTime = "present_over_time"
    case absentOverTime = "absent_over_time"
    case stddevOverTime = "stddev_over_time"
    case stdvarOverTime = "stdvar_over_time"
    case quantileOverTime = "quantile_over_time"
    case madOverTime = "mad_over_time"
    case tsOfFirstOverTime = "ts_of_first_over_time"
    case tsOfLastOverTime = "ts_of_last_over_time"
    case tsOfMinOverTime = "ts_of_min_over_time"
    case tsOfMaxOverTime = "ts_of_max_over_time"

    /// Whether the result is still a sample of the metric.
    var keepsName: Bool { self == .lastOverTime || self == .firstOverTime }
}

/// A window with all that a function may want to know of it. Times in milliseconds.
struct Window {
    let times: UnsafeBufferPointer<Milliseconds>
    let values: UnsafeBufferPointer<Double>
    /// The edges; the first is not part of the window.
    let start: Milliseconds
    let end: Milliseconds
    /// The step's own time, which an offset does not move.
    var now: Milliseconds = 0
    /// Whether it is known that no value is less than the one before.
    var isMonotonic = false
    /// The function's numbers.
    var first = 0.0
    var second = 0.0

    /// The function's value, or `Absent`. There is at least one sample.
    @inline(__always)
    func value(_ function: RangeFunction) -> Double {
        let count = values.count
        switch function {
        case .rate, .increase, .delta:
            return Extrapolation.Kind(function).map { Extrapolation($0, self).value($0, self) }
                ?? Absent.value
        case .irate: return instantDelta(isRate: true)
        case .idelta: return instantDelta(isRate: false)
        case .countOverTime: return Double(count)
        case .lastOverTime: return values[count - 1]
        case .firstOverTime: return values[0]
        case .presentOverTime, .absentOverTime: return 1
        case .tsOfFirstOverTime: return Double(times[0]) / 1000
        case .tsOfLastOverTime: return Double(times[count - 1]) / 1000
        case .sumOverTime: return sum()
        case .avgOverTime: return average()
        case .minOverTime: return values[extreme { $0 < $1 }]
        case .maxOverTime: return values[extreme { $0 > $1 }]
        case .tsOfMinOverTime: return Double(times[extreme { $0 <= $1 }]) / 1000
        case .tsOfMaxOverTime: return Double(times[extreme { $0 >= $1 }]) / 1000
        case .changes: return changes()
        case .resets: return resets()
        default: return statistics(function)
        }
    }

    private func statistics(_ function: RangeFunction) -> Double {
        switch function {
        case .stddevOverTime: return variance().squareRoot()
        case .stdvarOverTime: return variance()
        case .quantileOverTime: return Quantile.of(first, Array(values))
        case .madOverTime: return medianDeviation()
        case .deriv:
            guard values.count > 1 else { return Absent.value }
            return regression(from: times[0]).slope
        case .predictLinear:
            guard values.count > 1 else { return Absent.value }
            let line = regression(from: now)
            return line.slope * first + line.intercept
        default: return smoothing()
        }
    }

    // MARK: Counters

    private func instantDelta(isRate: Bool) -> Double {
        let count = values.count
        guard count > 1 else { return Absent.value }
        let interval = times[count - 1] - times[count - 2]
        guard interval > 0 else { return Absent.value }
        let (before, last) = (values[count - 2], values[count - 1])
        let difference = isRate && last < before ? last : last - before
        return isRate ? difference / (Double(interval) / 1000) : difference
    }

    func changes() -> Double {
        var changes = 0
        var previous = values[0]
        for value in values.dropFirst() {
            if value != previous, !(value.isNaN && previous.isNaN) { changes += 1 }
            previous = value
        }
        return Double(changes)
    }

    func resets() -> Double {
        var resets = 0
        var previous = values[0]
        for value in values.dropFirst() {
            if value < previous { resets += 1 }
            previous = value
        }
        return Double(resets)
    }

    // MARK: Statistics

    private func sum() -> Double {
        var sum = CompensatedSum()
        for value in values { sum.add(value) }
        return sum.sum.isInfinite ? sum.sum : sum.value
    }

    private func average() -> Double {
        var mean = CompensatedMean(values[0])
        for value in values.dropFirst() { mean.add(value) }
        return mean.value
    }

    /// The place of the first value that no other is `better` than; NaN only when all are.
    @inline(__always)
    private func extreme(_ better: (Double, Double) -> Bool) -> Int {
        var best = 0
        for i in values.indices where better(values[i], values[best]) || values[best].isNaN {
            best = i
        }
        return best
    }

    private func variance() -> Double {
        var count = 0.0
        var mean = CompensatedSum()
        var square = CompensatedSum()
        for value in values {
            count += 1
            let difference = value - mean.value
            mean.add(difference / count)
            square.add(difference * (value - mean.value))
        }
        return square.value / count
    }

    private func medianDeviation() -> Double {
        guard !values.contains(where: \.isNaN) else { return .nan }
        let median = Quantile.of(0.5, Array(values))
        return Quantile.of(0.5, values.map { abs($0 - median) })
    }

    /// The least-squares line, its intercept at the time `origin`.
    private func regression(from origin: Milliseconds) -> (slope: Double, intercept: Double) {
        var sumX = CompensatedSum()
        var sumY = CompensatedSum()
        var sumXY = CompensatedSum()
        var sumX2 = CompensatedSum()
        var isConstant = true
        for i in values.indices {
            if values[i] != values[0] { isConstant = false }
            let x = Double(times[i] - origin) / 1000
            sumX.add(x)
            sumY.add(values[i])
            sumXY.add(x * values[i])
            sumX2.add(x * x)
        }
        if isConstant { return values[0].isInfinite ? (.nan, .nan) : (0, values[0]) }
        let n = Double(values.count)
        let covariance = sumXY.value - sumX.value * sumY.value / n
        let variance = sumX2.value - sumX.value * sumX.value / n
        let slope = covariance / variance
        return (slope, sumY.value / n - slope * sumX.value / n)
    }

    /// Holt's linear method: `first` smooths the level, `second` the trend.
    private func smoothing() -> Double {
        guard values.count > 1 else { return Absent.value }
        var before = 0.0
        var level = values[0]
        var trend = values[1] - values[0]
        for i in 1..<values.count {
            if i > 1 { trend = second * (level - before) + (1 - second) * trend }
            let next = first * values[i] + (1 - first) * (level + trend)
            (before, level) = (level, next)
        }
        return level
    }
}
