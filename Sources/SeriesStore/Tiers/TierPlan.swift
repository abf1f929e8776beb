// SPDX-License-Identifier: Apache-2.0

import Model

/// Which buckets answer a query, and for which time each.
struct TierPlan {
    /// A bucket to read.
    struct Piece {
        let bucket: Bucket
        /// What of each part of the window; raw samples have one column.
        let column: TierColumn
        /// Whether sums are wanted by the number of samples.
        let isMean: Bool
        /// Nothing outside is taken from it.
        let clip: TimeRange
    }

    private(set) var pieces: [Piece] = []

    /// Chooses among all `buckets`, window by window: the coarsest tier that the step and the
    /// function allow; where that was not built yet, raw samples; where those are gone, the finest
    /// tier there is.
    init(_ buckets: [Bucket], in range: TimeRange, hints: SelectHints) {
        let allowed = Self.coarsest(hints)
        let (column, isMean) = Self.column(hints.function)
        // The newest point of a tier may be so far back.
        let reach = hints.looksBack ? 2 * Tier.hour.resolution : 0
        let start = max(range.start, .min / 2) - reach
        var windows: [Milliseconds: [Bucket]] = [:]
        for bucket in buckets
        where bucket.tier > 0 && bucket.last >= start && bucket.first <= range.end {
            windows[bucket.first, default: []].append(bucket)
        }
        // Those before the range say from when on a window has raw samples.
        let raw = buckets.filter {
            $0.tier == 0 && $0.last >= start - Tier.window && $0.first <= range.end
        }
        var covered: [TimeRange] = []
        for (window, tiers) in windows.sorted(by: { $0.key < $1.key }) {
            guard
                let (bucket, end) = Self.choose(
                    tiers, from: window, raw: raw, allowed: allowed),
                let chosen = Tier(rawValue: bucket.tier)
            else { continue }
            let reach = hints.looksBack ? 2 * chosen.resolution : 0
            let clip = TimeRange(
                start: max(window, range.start < .min / 2 ? range.start : range.start - reach),
                end: min(end, range.end))
            guard clip.start <= clip.end else { continue }
            pieces.append(Piece(bucket: bucket, column: column, isMean: isMean, clip: clip))
            covered.append(TimeRange(start: window, end: end))
        }
        let rest = Self.rest(of: range, without: covered)
        for bucket in raw where bucket.last >= range.start {
            for clip in rest {
                if bucket.last >= clip.start, bucket.first <= clip.end {
                    pieces.append(
                        Piece(bucket: bucket, column: .last, isMean: false, clip: clip))
                }
            }
        }
    }

    /// The bucket to read of a window, and until when; nil when raw samples are to be read.
    private static func choose(
        _ tiers: [Bucket], from window: Milliseconds, raw: [Bucket], allowed: Tier
    ) -> (Bucket, end: Milliseconds)? {
        let end = window + Tier.window - 1
        let fitting = tiers.filter { $0.tier <= allowed.rawValue }.max { $0.tier < $1.tier }
        if let fitting { return (fitting, end) }
        guard let finest = tiers.min(by: { $0.tier < $1.tier }) else { return nil }
        let first = raw.filter { $0.last >= window && $0.first <= end }.map(\.first).min()
        guard let first else { return (finest, end) }
        return first <= window ? nil : (finest, first - 1)
    }

    /// What is left of `range`.
    private static func rest(of range: TimeRange, without covered: [TimeRange]) -> [TimeRange] {
        var rest: [TimeRange] = []
        var start = range.start
        for one in covered {
            if one.start > start { rest.append(TimeRange(start: start, end: one.start - 1)) }
            start = max(start, one.end + 1)
        }
        if start <= range.end { rest.append(TimeRange(start: start, end: range.end)) }
        return rest
    }

    /// Functions that a tier answers as well as raw samples do, but for the edges of the window.
    private static let functions: Set<String> = [
        "rate", "increase", "delta", "deriv", "predict_linear", "resets", "min_over_time",
        "max_over_time", "sum_over_time", "avg_over_time", "last_over_time", "present_over_time",
        "absent_over_time",
    ]

    /// The coarsest tier that gives no fewer points than are asked for: two for each step, four for
    /// each window, or two hundred for the one window of an instant query.
    static func coarsest(_ hints: SelectHints) -> Tier {
        let isWindow = hints.window > 0
        guard !isWindow || functions.contains(hints.function) else { return .raw }
        let largest: Milliseconds =
            hints.step == 0
            ? (isWindow ? hints.window / 200 : 0)
            : (isWindow ? min(hints.step / 2, hints.window / 4) : hints.step / 2)
        return Tier.allCases.last { $0.resolution <= largest } ?? .raw
    }

    private static func column(_ function: String) -> (TierColumn, isMean: Bool) {
        switch function {
        case "min_over_time": (.smallest, false)
        case "max_over_time": (.largest, false)
        case "sum_over_time": (.sum, false)
        case "avg_over_time": (.sum, true)
        default: (.last, false)
        }
    }
}
