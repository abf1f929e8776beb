// SPDX-License-Identifier: Apache-2.0

/// Quantiles and fractions of the observations in cumulative buckets
/// (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
enum Buckets {
    struct Bucket {
        let bound: Double
        var count: Double
    }

    /// What had to be corrected for counts that fall from one bucket to the next.
    struct Forced {
        var from = Double.infinity
        var to = -Double.infinity
        var difference = 0.0
    }

    /// Counts that differ by less than this part are taken for equal.
    private static let tolerance = 1e-12

    private static func almostEqual(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        if a == b { return true }
        let difference = abs(a - b)
        let sum = abs(a) + abs(b)
        if a == 0 || b == 0 || sum < .leastNormalMagnitude {
            return difference < tolerance * .leastNormalMagnitude
        }
        return difference / min(sum, .greatestFiniteMagnitude) < tolerance
    }

    /// Adds up buckets of the same bound.
    private static func coalesce(_ buckets: inout [Bucket]) {
        var last = 0
        for i in buckets.indices.dropFirst() {
            if buckets[i].bound == buckets[last].bound {
                buckets[last].count += buckets[i].count
            } else {
                last += 1
                buckets[last] = buckets[i]
            }
        }
        buckets.removeLast(buckets.count - last - 1)
    }

    /// Makes counts grow from bucket to bucket.
    private static func makeMonotonic(_ buckets: inout [Bucket]) -> Forced? {
        var forced: Forced?
        var previous = buckets[0].count
        for i in buckets.indices.dropFirst() {
            let count = buckets[i].count
            if count == previous { continue }
            if almostEqual(previous, count) {
                buckets[i].count = previous
            } else if count < previous {
                buckets[i].count = previous
                var one = forced ?? Forced()
                one.from = min(one.from, buckets[i].bound)
                one.to = max(one.to, buckets[i].bound)
                one.difference = max(one.difference, previous - count)
                forced = one
            } else {
                previous = count
            }
        }
        return forced
    }

    /// The quantile, drawn on a straight line within its bucket. `buckets` are sorted.
    static func quantile(
        _ quantile: Double, _ buckets: inout [Bucket]
    ) -> (value: Double, forced: Forced?) {
        if quantile.isNaN { return (.nan, nil) }
        if quantile < 0 { return (-.infinity, nil) }
        if quantile > 1 { return (.infinity, nil) }
        guard buckets[buckets.count - 1].bound == .infinity else { return (.nan, nil) }
        coalesce(&buckets)
        let forced = makeMonotonic(&buckets)
        let last = buckets.count - 1
        guard last > 0 else { return (.nan, forced) }
        let observations = buckets[last].count
        guard observations != 0 else { return (.nan, forced) }
        var rank = quantile * observations
        let place = search(last) { buckets[$0].count >= rank }
        if place == last { return (buckets[last - 1].bound, forced) }
        if place == 0, buckets[0].bound <= 0 { return (buckets[0].bound, forced) }
        var start = 0.0
        var count = buckets[place].count
        if place > 0 {
            start = buckets[place - 1].bound
            count -= buckets[place - 1].count
            rank -= buckets[place - 1].count
        }
        return (start + (buckets[place].bound - start) * (rank / count), forced)
    }

    /// The first index below `count` that satisfies `test`, by halves, or `count`.
    private static func search(_ count: Int, _ test: (Int) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if test(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The part of the observations between `lower` and `upper`.
    static func fraction(
        from lower: Double, to upper: Double, _ buckets: inout [Bucket]
    ) -> Double {
        guard buckets[buckets.count - 1].bound == .infinity else { return .nan }
        coalesce(&buckets)
        let count = buckets[buckets.count - 1].count
        if count == 0 || lower.isNaN || upper.isNaN { return .nan }
        if lower >= upper { return 0 }
        let below = rank(of: lower, buckets) ?? count
        let above = rank(of: upper, buckets) ?? count
        return (min(above, count) - min(below, count)) / count
    }

    /// How many observations are below `value`; nil when it is beyond all buckets.
    private static func rank(of value: Double, _ buckets: [Bucket]) -> Double? {
        var rank = 0.0
        // Buckets of positive bounds alone begin at 0.
        var start = buckets[0].bound > 0 ? 0 : -Double.infinity
        for bucket in buckets {
            if start >= value { return rank }
            if bucket.bound > value {
                if start == -.infinity { return bucket.count }
                return rank + (bucket.count - rank) * (value - start) / (bucket.bound - start)
            }
            rank = bucket.count
            start = bucket.bound
        }
        return nil
    }
}
