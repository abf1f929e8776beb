// SPDX-License-Identifier: Apache-2.0

/// The trend of a gauge over its last minutes, and when it will reach a limit.
///
/// The slope is Theil and Sen's: the median of the slopes between pairs of points. Up to 29 % of
/// the points may be wild without moving it. A trend is only reported when it stands out of the
/// noise: the growth over the window must exceed three times the median distance of the points from
/// the line, and 0.1 % of the limit. The error of the time to full is then below a third for a
/// steady growth; a gauge that saws or idles gives no trend at all.
struct Trend {
    /// Points kept; at one a tick and 10 s ticks this is six minutes.
    static let capacity = 36
    /// Points needed before anything is said.
    static let minimum = 6

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
        guard count >= Self.minimum else { return nil }
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
        return growth > 3 * noise && growth > limit * 0.001 ? slope : nil
    }

    private static func median(_ values: inout [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        values.sort()
        let middle = values.count / 2
        return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
    }
}
