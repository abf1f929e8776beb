// SPDX-License-Identifier: Apache-2.0

import Model

/// Writes the buckets of the coarser tiers, a window at a time, from the samples as they were taken.
struct TierBuilder {
    /// Series that have samples in fewer parts of a window are left out of its tier: what came and
    /// went within an hour is kept as long as raw samples are.
    private static let leastParts = 2

    private let database: Database
    private let tiers: [(tier: Tier, retention: Milliseconds)]

    init(_ database: Database, _ options: SeriesStore.Options) {
        self.database = database
        tiers = options.tiers
    }

    /// The oldest window that is complete and not built yet, and which tiers it lacks.
    func next() throws(StoreError) -> (start: Milliseconds, tiers: [Tier])? {
        guard !tiers.isEmpty else { return nil }
        let buckets = try Bucket.all(from: database)
        // What was sampled last says how far samples are complete, not what is latest: the clock may
        // have been ahead for a while.
        let end = try database.integer(
            "SELECT last FROM bucket WHERE tier = 0 ORDER BY section DESC, last DESC LIMIT 1")
        var built: [Tier: Set<Milliseconds>] = [:]
        var windows: Set<Milliseconds> = []
        for bucket in buckets {
            if let tier = Tier(rawValue: bucket.tier), tier != .raw {
                built[tier, default: []].insert(bucket.first)
            } else {
                var window = Tier.window(of: bucket.first)
                while window <= bucket.last {
                    windows.insert(window)
                    window += Tier.window
                }
            }
        }
        for window in windows.sorted() where window + Tier.window - 1 <= end {
            let missing = tiers.filter {
                built[$0.tier]?.contains(window) != true
                    && window + Tier.window > end - $0.retention
            }
            if !missing.isEmpty { return (window, missing.map(\.tier)) }
        }
        return nil
    }

    /// Bytes that a window takes, about: a few points of each series.
    func estimate() throws(StoreError) -> Int64 {
        try database.integer("SELECT count(*) FROM series") * 400 + (64 << 10)
    }

    /// Builds a window, in one transaction.
    func build(_ start: Milliseconds, _ tiers: [Tier]) throws(StoreError) {
        let range = TimeRange(start: start, end: start + Tier.window - 1)
        let buckets = try Bucket.all(from: database).filter {
            $0.tier == Tier.raw.rawValue && $0.last >= range.start && $0.first <= range.end
        }
        var metrics: [(id: Int64, isCounter: Bool)] = []
        let select = try database.prepare("SELECT id, name, type FROM metric ORDER BY id")
        while try select.step() {
            metrics.append(
                (select.integer(0), Self.isCounter(select.text(1), type: select.text(2))))
        }
        select.reset()
        try database.execute("PRAGMA synchronous = FULL")
        try database.transaction { () throws(StoreError) in
            var writers: [TierWriter] = []
            for tier in tiers { writers.append(try TierWriter(tier, range, database)) }
            var reader = SegmentRuns(database)
            for metric in metrics {
                let runs = try reader.runs(metric: metric.id, in: buckets)
                for tier in writers.indices {
                    try writers[tier].begin(metric: metric.id)
                }
                for id in runs.keys.sorted() {
                    for tier in writers.indices {
                        let series = Self.series(
                            runs[id] ?? [], range, writers[tier].tier, isCounter: metric.isCounter)
                        if series.parts >= Self.leastParts {
                            try writers[tier].add(id: id, series)
                        }
                    }
                }
                for tier in writers.indices { try writers[tier].finishMetric() }
            }
        }
    }

    private static func series(
        _ runs: [StoredRun], _ range: TimeRange, _ tier: Tier, isCounter: Bool
    ) -> TierSeries {
        var series = TierSeries(resolution: tier.resolution, isCounter: isCounter)
        let cursor = StoredCursor(runs, range: range)
        var buffer = SampleBuffer()
        while cursor.next(into: &buffer) { series.add(buffer) }
        series.finish()
        return series
    }

    /// Whether a family only grows, but for resets.
    static func isCounter(_ name: String, type: String) -> Bool {
        switch MetricType(rawValue: type) {
        case .counter, .histogram: true
        case .gauge: false
        default: ["_total", "_count", "_sum", "_bucket"].contains { name.hasSuffix($0) }
        }
    }

    /// Deletes the tiers' buckets of windows that got samples, in raw buckets with ids after `known`,
    /// after they were built, so that they are built again; those that have points of samples that
    /// are gone stay.
    static func invalidate(after known: Int64, in database: Database) throws(StoreError) {
        guard try database.integer("SELECT count(*) FROM bucket WHERE tier > 0") > 0 else { return }
        let buckets = try Bucket.all(from: database)
        let raw = buckets.filter { $0.tier == Tier.raw.rawValue }
        let new = raw.filter { $0.id > known }
        for one in buckets where one.tier > 0 {
            guard new.contains(where: { $0.last >= one.first && $0.first <= one.last }) else {
                continue
            }
            let oldest = raw.filter {
                $0.id <= known && $0.last >= one.first && $0.first <= one.last
            }.map(\.first).min()
            if try firstPoint(of: one, database) >= oldest ?? .max {
                try Bucket.delete(one.id, in: database)
            }
        }
    }

    /// When the first point of a tier's bucket is; for ever when it has none.
    private static func firstPoint(
        of bucket: Bucket, _ database: Database
    ) throws(StoreError) -> Milliseconds {
        var first = Milliseconds.max
        let select = try database.prepare("SELECT times FROM timeline WHERE id >= ? AND id < ?")
        select.bind(1, Bucket.timelineID(bucket.id, 0))
        select.bind(2, Bucket.timelineID(bucket.id, Bucket.countsFlag))
        defer { select.reset() }
        while try select.step() {
            first = min(first, select.withBlob(0) { Timeline.decode($0).first } ?? .max)
        }
        return first
    }
}

/// Reads what raw segments have of one metric after another.
private struct SegmentRuns {
    private let database: Database
    private var timelines: [Int64: [Milliseconds]] = [:]

    init(_ database: Database) { self.database = database }

    /// The runs of each series of a metric; damaged segments are passed over.
    mutating func runs(
        metric: Int64, in buckets: [Bucket]
    ) throws(StoreError) -> [Int64: [StoredRun]] {
        var found: [Int64: [StoredRun]] = [:]
        let select = try database.prepare("SELECT data FROM segment WHERE id BETWEEN ? AND ?")
        for bucket in buckets {
            let parts = SegmentKey(bucket: bucket.id, metric: metric).parts
            select.bind(1, parts.lowerBound)
            select.bind(2, parts.upperBound)
            defer { select.reset() }
            while try select.step() {
                guard let page = SegmentPage(select.blob(0)) else { continue }
                for place in page.entries.indices {
                    let entry = page.entries[place]
                    let id = Bucket.timelineID(bucket.id, entry.timeline)
                    if timelines[id] == nil {
                        timelines[id] = try Bucket.timeline(id, from: database)
                    }
                    if let run = StoredRun(
                        page, place, timelines[id] ?? [], order: Int(bucket.id),
                        clippedTo: TimeRange(start: .min, end: .max))
                    {
                        found[entry.id, default: []].append(run)
                    }
                }
            }
        }
        return found
    }
}

/// Writes one bucket of a tier.
private struct TierWriter {
    let tier: Tier
    private let bucket: Int64
    private let database: Database
    private let end: Milliseconds
    private var metric: Int64 = 0
    private var members: [(id: Int64, timeline: Int, series: TierSeries)] = []
    private var timelines: [TierTimeline: Int] = [:]

    private struct TierTimeline: Hashable {
        let times: [Milliseconds]
        let counts: [Int64]
    }

    init(_ tier: Tier, _ range: TimeRange, _ database: Database) throws(StoreError) {
        self.tier = tier
        self.database = database
        end = range.end
        bucket = try Bucket.insert(
            first: range.start, last: range.end, tier: tier, in: database)
    }

    mutating func begin(metric: Int64) throws(StoreError) {
        self.metric = metric
        members.removeAll(keepingCapacity: true)
    }

    mutating func add(id: Int64, _ series: TierSeries) throws(StoreError) {
        let key = TierTimeline(times: series.times, counts: series.counts)
        var number = timelines[key]
        if number == nil {
            number = timelines.count
            timelines[key] = number
            try Bucket.insert(
                timeline: timelines.count - 1, series.times, bucket: bucket, in: database)
            try Bucket.insert(
                timeline: (timelines.count - 1) | Bucket.countsFlag, series.counts, bucket: bucket,
                in: database)
        }
        members.append((id, number ?? 0, series))
        let keep = try database.prepare(
            tier == .hour
                ? """
                UPDATE target SET last_1h = max(last_1h, ?)
                WHERE id = (SELECT target FROM series WHERE id = ?)
                """
                : """
                UPDATE target SET last_5m = max(last_5m, ?)
                WHERE id = (SELECT target FROM series WHERE id = ?)
                """)
        keep.bind(1, end)
        keep.bind(2, id)
        try keep.run()
    }

    /// Writes the segments of the metric, column by column.
    mutating func finishMetric() throws(StoreError) {
        var segments = SegmentInserter(database)
        for column in [TierColumn.last, .smallest, .largest, .sum] {
            segments.begin(SegmentKey(bucket: bucket, metric: metric, column: column.rawValue))
            for member in members {
                guard
                    let values = member.series.columns.first(where: { $0.column == column })?.values
                else { continue }
                try segments.append(
                    id: member.id, timeline: member.timeline, runs: member.series.runs,
                    values: values)
            }
            try segments.finish()
        }
    }
}
