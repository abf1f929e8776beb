// SPDX-License-Identifier: Apache-2.0

/// Quantiles of numbers, between the nearest two.
public enum Quantile {
    /// The quantile, from 0 to 1, of values in any order.
    public static func of(_ quantile: Double, _ values: [Double]) -> Double {
        guard !values.isEmpty, !quantile.isNaN else { return .nan }
        if quantile < 0 { return -.infinity }
        if quantile > 1 { return .infinity }
        // NaN sorts first.
        let sorted = values.sorted { $0.isNaN ? !$1.isNaN : $0 < $1 }
        let rank = quantile * Double(sorted.count - 1)
        let lower = Swift.max(0, rank.rounded(.down))
        let upper = Swift.min(Double(sorted.count - 1), lower + 1)
        let weight = rank - rank.rounded(.down)
        return sorted[Int(lower)] * (1 - weight) + sorted[Int(upper)] * weight
    }
}
