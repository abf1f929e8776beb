// SPDX-License-Identifier: Apache-2.0

/// Lets so many entries a second pass, by the entries' own times, and so many at once as pass in a
/// second.
struct RateLimit {
    private let rate: Double
    private var tokens: Double
    private var last = Int64.min
    /// Entries left out that were not told of yet, and since when.
    private(set) var suppressed = 0
    private var toldAt = Int64.min

    /// How often is told what was left out, in nanoseconds.
    private static let interval: Int64 = 10_000_000_000

    init(perSecond: Int) {
        rate = Double(max(1, perSecond))
        tokens = rate
    }

    /// Whether the entry of a time passes.
    mutating func passes(_ time: Int64) -> Bool {
        if last != .min, time > last {
            tokens = min(rate, tokens + Double(time &- last) / 1e9 * rate)
        }
        last = max(last, time)
        guard tokens >= 1 else {
            if suppressed == 0 { toldAt = time }
            suppressed += 1
            return false
        }
        tokens -= 1
        return true
    }

    /// How many were left out, when it is time to say so: the limit is no longer reached, or was
    /// for long.
    mutating func summary(at time: Int64) -> Int? {
        guard suppressed > 0, tokens >= 1 || time &- toldAt >= Self.interval else { return nil }
        defer { suppressed = 0 }
        return suppressed
    }
}
