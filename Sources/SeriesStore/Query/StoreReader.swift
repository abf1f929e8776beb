// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// The connection that queries share, with what they keep in memory: the index of series, the list
/// of buckets, and lately used timelines and segments. Bounded; brought up to date when the database
/// was changed.
struct StoreReader: ~Copyable {
    /// Bytes of decoded timelines and of checked segments that are kept.
    static let timelineBytes = 4 << 20
    static let segmentBytes = 16 << 20

    /// A part of a metric's segments in one bucket: its row, and the ids of the series in it.
    struct Part {
        let id: Int64
        let series: ClosedRange<Int64>
    }

    /// A series that was looked for, and where its samples are wanted.
    struct Wanted {
        let id: Int64
        let place: Int
    }

    let database: Database
    private(set) var index = SeriesIndex()
    private var buckets: [Bucket] = []
    private var version: Int64 = -1
    private var timelines = BoundedCache<Int64, [Milliseconds]>(limit: timelineBytes)
    private var parts = BoundedCache<Int64, [Part]>(limit: timelineBytes)
    private var pages = BoundedCache<Int64, SegmentPage>(limit: segmentBytes)
    /// Times a damaged segment was come upon since somebody asked.
    private(set) var damaged = 0

    init(database: Database) { self.database = database }

    /// Forgets series whose rows were deleted.
    mutating func forget(targets: Set<Int64>) { index.remove(targets: targets) }

    mutating func takeDamaged() -> Int {
        defer { damaged = 0 }
        return damaged
    }

    /// Brings what is kept up to what the database has.
    mutating func refresh() throws(StoreError) {
        let found = try database.integer("PRAGMA data_version")
        guard found != version else { return }
        // Seals are minutes apart, and ids of deleted rows may be used again.
        timelines.removeAll()
        parts.removeAll()
        pages.removeAll()
        buckets = try Bucket.all(from: database)
        try Registry.read(after: index.largestID, into: &index, from: database)
        version = found
    }

    /// The series that match and have samples in `range`, by labels, with their runs.
    mutating func select(
        _ matchers: CompiledMatchers, in range: TimeRange, hints: SelectHints
    ) throws(StoreError) -> (series: [StoredSeries], tier: Tier) {
        try refresh()
        let plan = TierPlan(buckets, in: range, hints: hints)
        guard !plan.pieces.isEmpty else { return ([], .raw) }
        var (found, metrics) = lookUp(matchers)
        // What was read, which may be less than the plan: a tier has nothing of some windows.
        var tier = Tier.raw
        for place in found.indices { found[place].runs.reserveCapacity(plan.pieces.count + 1) }
        for (metric, wanted) in metrics {
            for piece in plan.pieces {
                try read(wanted, metric, piece) {
                    found[$0].runs.append($1)
                    tier = max(tier, Tier(rawValue: piece.bucket.tier) ?? .raw)
                }
            }
        }
        if found.contains(where: \.runs.isEmpty) { found.removeAll(where: \.runs.isEmpty) }
        label(&found)
        return (found, tier)
    }

    /// The series that match and have samples in `range`, by labels, without their runs.
    mutating func names(
        _ matchers: CompiledMatchers, in range: TimeRange
    ) throws(StoreError) -> [StoredSeries] {
        try refresh()
        let plan = TierPlan(buckets, in: range, hints: SelectHints())
        guard !plan.pieces.isEmpty else { return [] }
        var (found, metrics) = lookUp(matchers)
        var isThere = [Bool](repeating: false, count: found.count)
        for (metric, wanted) in metrics {
            var left = wanted
            // Newest first: what was there once mostly still is.
            for piece in plan.pieces.reversed() where !left.isEmpty {
                try read(left, metric, piece) { place, _ in isThere[place] = true }
                left.removeAll { isThere[$0.place] }
            }
        }
        found = found.indices.filter { isThere[$0] }.map { found[$0] }
        label(&found)
        return found
    }

    /// The series that match, by labels, which are still to be filled in; and for each metric those to
    /// look for, ascending by id.
    private mutating func lookUp(
        _ matchers: CompiledMatchers
    ) -> (found: [StoredSeries], metrics: [(metric: Int64, wanted: [Wanted])]) {
        let matching = index.matching(matchers)
        var found: [StoredSeries] = []
        found.reserveCapacity(matching.count)
        var metrics: [(metric: Int64, wanted: [Wanted])] = []
        var numbers: [Int64: Int] = [:]
        var current = 0
        for one in matching {
            if one.repeats, !found.isEmpty {
                found[found.count - 1].others.append(one.id)
            } else {
                found.append(StoredSeries(number: one.number, id: one.id))
            }
            // Those of a metric mostly come one after the other.
            if metrics.isEmpty || metrics[current].metric != one.metric {
                current = numbers[one.metric] ?? metrics.count
                if current == metrics.count {
                    numbers[one.metric] = current
                    metrics.append((one.metric, []))
                }
            }
            metrics[current].wanted.append(Wanted(id: one.id, place: found.count - 1))
        }
        for i in metrics.indices { metrics[i].wanted.sort { $0.id < $1.id } }
        return (found, metrics)
    }

    private mutating func label(_ found: inout [StoredSeries]) {
        for place in found.indices { found[place].labels = index.labels(of: found[place].number) }
    }

    /// Calls `deliver` with the samples of series of one metric in one bucket.
    private mutating func read(
        _ wanted: [Wanted], _ metric: Int64, _ piece: TierPlan.Piece,
        deliver: (Int, StoredRun) -> Void
    ) throws(StoreError) {
        let bucket = piece.bucket
        let key = SegmentKey(bucket: bucket.id, metric: metric, column: piece.column.rawValue)
        var found = try parts(key)
        // Counters have one column.
        let isMean = piece.isMean && !found.isEmpty
        if found.isEmpty, piece.column != .last {
            found = try parts(SegmentKey(bucket: bucket.id, metric: metric))
        }
        for part in found {
            var next = wanted.partitioningIndex { $0.id >= part.series.lowerBound }
            guard next < wanted.count, wanted[next].id <= part.series.upperBound,
                let page = try page(part.id)
            else { continue }
            var at = 0
            // Nearly all series of a metric are sampled together.
            var (known, times) = (-1, [Milliseconds]())
            while next < wanted.count, wanted[next].id <= part.series.upperBound {
                let id = wanted[next].id
                at = page.find(id, from: at)
                while at < page.entries.count, page.entries[at].id == id {
                    let number = page.entries[at].timeline
                    if number != known {
                        (known, times) = (number, try timeline(number, of: bucket.id))
                    }
                    let counts =
                        isMean ? try timeline(number | Bucket.countsFlag, of: bucket.id) : nil
                    if let run = StoredRun(
                        page, at, times, order: Int(bucket.id), clippedTo: piece.clip, by: counts)
                    {
                        deliver(wanted[next].place, run)
                    }
                    at += 1
                }
                next += 1
            }
        }
    }

    private mutating func timeline(
        _ number: Int, of bucket: Int64
    ) throws(StoreError) -> [Milliseconds] {
        let id = Bucket.timelineID(bucket, number)
        if let known = timelines.value(id) { return known }
        let times = try Bucket.timeline(id, from: database)
        timelines.insert(times, cost: times.count * 8 + 64, for: id)
        return times
    }

    private mutating func parts(_ key: SegmentKey) throws(StoreError) -> [Part] {
        if let known = parts.value(key.raw) { return known }
        let select = try database.prepare(
            "SELECT id, first, last FROM segment WHERE id BETWEEN ? AND ?")
        select.bind(1, key.parts.lowerBound)
        select.bind(2, key.parts.upperBound)
        defer { select.reset() }
        var found: [Part] = []
        while try select.step() {
            let (first, last) = (select.integer(1), select.integer(2))
            guard first <= last else { continue }
            found.append(Part(id: select.integer(0), series: first...last))
        }
        parts.insert(found, cost: found.count * 24 + 96, for: key.raw)
        return found
    }

    /// A segment; nil when it is damaged.
    private mutating func page(_ id: Int64) throws(StoreError) -> SegmentPage? {
        if let known = pages.value(id) { return known }
        let select = try database.prepare("SELECT data FROM segment WHERE id = ?")
        select.bind(1, id)
        defer { select.reset() }
        guard try select.step() else { return nil }
        guard let page = SegmentPage(select.blob(0)) else {
            damaged += 1
            return nil
        }
        pages.insert(page, cost: page.byteCount, for: id)
        return page
    }
}

/// What segments and memory have of one label set.
struct StoredSeries: Sendable {
    var labels = Labels()
    /// Its number in the index; it means something only while the query holds the reader.
    var number: UInt32 = 0
    /// The row of the database that has these labels; 0 for none.
    var id: Int64 = 0
    /// More such rows.
    var others: [Int64] = []
    var runs: [StoredRun] = []
}

/// A segment that was read and checked, with its directory. Immutable; shared by the queries that
/// read it and the cache.
final class SegmentPage: Sendable {
    let bytes: [UInt8]
    /// Ascending by id.
    let entries: [Segment.Entry]

    /// Nil when the bytes are damaged.
    init?(_ bytes: [UInt8]) {
        guard var entries = Segment.entries(bytes) else { return nil }
        if zip(entries, entries.dropFirst()).contains(where: { $0.id > $1.id }) {
            entries.sort { $0.id < $1.id }
        }
        self.bytes = bytes
        self.entries = entries
    }

    /// Bytes of memory, about.
    var byteCount: Int { bytes.count + entries.count * 104 }

    /// The first entry at or after `start` whose id is not less than `id`.
    func find(_ id: Int64, from start: Int) -> Int {
        if start < entries.count, entries[start].id >= id { return start }
        var low = start
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id >= id { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
