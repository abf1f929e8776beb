// SPDX-License-Identifier: Apache-2.0

/// The trend of a gauge over its last minutes, and when it will reach a limit.
///
/// The slope is Theil and Sen's: the median of the slopes between pairs of points. Up to 29 % of
/// the points may be wild without moving it. A trend is only reported when it stands out of the
/// noise: the growth over the window must exceed a multiple of the median distance of the points
/// from the line (three at a full window, more with fewer points, whose median is less sure), and
/// 0.1 % of the limit; and the medians of the window's quarters must rise or fall in turn, which a
/// gauge that saws or jumps once does not. docs/headroom.md has the measured error.
struct Trend {
    /// Points kept; at one a tick and 10 s ticks this is six minutes.
    static let capacity = 36
    /// Points needed before anything is said.
    static let minimum = 16

    private var times: [Double] = []
    private var values: [Double] = []
    private var next = 0

    /// Adds a point; `time` in seconds.
    mutating func add(_ value: Double, at time: Double) {
        guard times.count == Self.capacity else {
            times.append(time)
            values.append(value)
            return
        }
        times[next] = time
        values[next] = value
        next = (next + 1) % Self.capacity
    }

    /// Seconds until `limit` is reached from `current`; nil without a trend towards it.
    func timeToReach(_ limit: Double, from current: Double) -> Double? {
        guard current < limit else { return 0 }
        guard let slope = slope(significantAgainst: limit), slope > 0 else { return nil }
        return (limit - current) / slope
    }

    /// The slope in units a second, or nil when it does not stand out.
    func slope(significantAgainst limit: Double) -> Double? {
        let count = values.count
        guard count >= Self.minimum, let low = values.min(), let high = values.max(),
            // What moved by less than the half of what is asked for below cannot pass.
            high - low > limit * 0.0005
        else { return nil }
        var slopes: [Double] = []
        slopes.reserveCapacity(count * (count - 1) / 2)
        for i in 0..<count {
            for j in (i + 1)..<count where times[i] != times[j] {
                slopes.append((values[j] - values[i]) / (times[j] - times[i]))
            }
        }
        guard let slope = Self.median(&slopes), let first = times.min(), let last = times.max()
        else { return nil }
        var offsets = (0..<count).map { values[$0] - slope * (times[$0] - first) }
        guard let base = Self.median(&offsets) else { return nil }
        var distances = offsets.map { abs($0 - base) }
        guard let noise = Self.median(&distances) else { return nil }
        let growth = abs(slope) * (last - first)
        let gate = 3 * (Double(Self.capacity) / Double(count)).squareRoot()
        guard growth > gate * noise, growth > limit * 0.001, isSteady(slope) else { return nil }
        return slope
    }

    /// Whether each quarter of the window lies beyond the one before it, by a third of what a
    /// straight line would give at least. A single step leaves two quarters level.
    private func isSteady(_ slope: Double) -> Bool {
        let count = values.count
        let oldest = count == Self.capacity ? next : 0
        let size = count / 4
        var middles: [Double] = []
        for quarter in 0..<4 {
            var part = (0..<size).map { values[(oldest + quarter * size + $0) % count] }
            guard let middle = Self.median(&part) else { return false }
            middles.append(slope < 0 ? -middle : middle)
        }
        let step = (middles[3] - middles[0]) / 9
        return step > 0 && zip(middles, middles.dropFirst()).allSatisfy { $1 - $0 > step }
    }

    private static func median(_ values: inout [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        values.sort()
        let middle = values.count / 2
        return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
    }
}
