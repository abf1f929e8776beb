// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
public import Model

/// Reads a store's samples for a sink: selects, renames and encodes them, and marks series that
/// have ended.
///
/// A store says where a series ends within a section. A series that has samples at a section's end
/// and none at the first tick of the next has ended too: that is found here.
public final class SampleSource: ParcelSource {
    private struct Entry {
        var series: PreparedSeries
        let name: String
        /// The part of a batch that its samples are in.
        let part: Int
        /// Where its name is among those of all metrics, in order.
        var rank = 0
        var timeline: UInt16 = 0
        /// Whether the last sample sent was no stale marker.
        var isAlive = false
    }

    private let feed: any SampleFeed
    private let selection: Selection
    /// One for each part of a batch.
    private var encoders: [any SampleEncoder]
    private var position: SamplePosition
    /// What the parcel under way is made of, with how each was read.
    private var slices: [(slice: SampleSlice, after: SamplePosition, limit: Int)] = []
    private var known = KnownSeries()
    private var entries: [Int: Entry] = [:]
    /// The names of all metrics.
    private var metrics: Set<String> = []
    /// Series that were alive when their numbers became out of date, with their timelines.
    private var unseen: [[UInt8]: Entry] = [:]
    /// Those of `unseen` that end with the parcel that is on its way.
    private var ending: [[UInt8]] = []
    private var hasGap = false

    /// A reader that goes on at a cursor; without one it begins at the end, or with what the store
    /// has when `fromOldest`. Throws for a cursor that is none.
    init(
        feed: any SampleFeed, encoders: [any SampleEncoder], selection: Selection,
        cursor: String?, fromOldest: Bool
    ) throws(ShipError) {
        self.feed = feed
        self.selection = selection
        self.encoders = encoders
        if let cursor, !cursor.isEmpty {
            guard let place = SamplePosition(text: cursor) else {
                throw ShipError("the cursor `\(cursor.prefix(64))` is no place in a series store")
            }
            position = place
        } else {
            position = cursor == nil && !fromOldest ? feed.end() : SamplePosition()
        }
    }

    /// See `ParcelSource`.
    public var cursor: String { position.text }

    /// See `ParcelSource`. All samples of a series are of one part.
    public func next(_ limits: BatchLimits) throws -> [Parcel] {
        var limit = limits.records * encoders.count
        var slice = SampleSlice()
        while try feed.read(after: position, limit: limit, known: known, into: &slice) {
            slices.removeAll(keepingCapacity: true)
            ending.removeAll(keepingCapacity: true)
            for encoder in encoders { encoder.begin() }
            var totals = [Total](repeating: Total(), count: encoders.count)
            adopt(slice)
            add(slice, after: position, limit: limit, &totals)
            endSeries(slice, &totals)
            if isTooLarge(totals, limits), limit > 1, slice.runs.count > 1 || encoders.count > 1 {
                limit = max(1, limit / 2)
                continue
            }
            try merge(limits, &totals)
            let records = totals.reduce(0) { $0 + $1.records }
            guard records > 0, let last = slices.last else {
                // Nothing in it is wanted.
                acknowledge()
                continue
            }
            let isFull = last.slice.next.piece != nil || records * 2 > limit
            return totals.indices.compactMap { parcel($0, totals[$0], isFull: isFull) }
        }
        return []
    }

    /// What a part of a batch has.
    private struct Total {
        var records = 0
        var newest = Milliseconds.min
    }

    /// Whether a part has more than it may. Of one part the store sees to the number of samples.
    private func isTooLarge(_ totals: [Total], _ limits: BatchLimits) -> Bool {
        encoders.contains { $0.count > limits.bytes }
            || totals.count > 1 && totals.contains { $0.records > limits.records }
    }

    /// The part that a series' samples are in.
    private func part(of series: Int) -> Int { series % encoders.count }

    private func parcel(_ part: Int, _ total: Total, isFull: Bool) -> Parcel? {
        guard total.records > 0 else { return nil }
        let encoder = encoders[part]
        let (body, rawBytes) = encoder.finish()
        var parcel = Parcel(
            body: body, headers: encoder.headers, records: total.records, rawBytes: rawBytes,
            newest: total.newest, isFull: isFull)
        parcel.part = part
        parcel.judge = encoder.judge
        return parcel
    }

    private func add(
        _ slice: SampleSlice, after place: SamplePosition, limit: Int, _ totals: inout [Total]
    ) {
        var found: [(rank: Int, part: Int, series: PreparedSeries, samples: Range<Int>)] = []
        found.reserveCapacity(slice.runs.count)
        for run in slice.runs {
            guard let entry = entry(of: run) else { continue }
            found.append((entry.rank, entry.part, entry.series, run.samples))
        }
        // Series of one metric side by side have much in common, which compresses.
        if zip(found, found.dropFirst()).contains(where: { $0.rank > $1.rank }) {
            let order = found.indices.sorted {
                (found[$0].rank, $0) < (found[$1].rank, $1)
            }
            found = order.map { found[$0] }
        }
        for one in found {
            encoders[one.part].add(one.series, slice.timestamps, slice.values, one.samples)
            totals[one.part].records += one.samples.count
            totals[one.part].newest = max(
                totals[one.part].newest, slice.timestamps[one.samples.upperBound - 1])
        }
        slices.append((slice, place, limit))
    }

    /// Adds what follows while there is room and it is of other series: each rule has a timeline of
    /// its own, and a request for each would cost more than what is in it.
    private func merge(_ limits: BatchLimits, _ totals: inout [Total]) throws {
        guard let first = slices.first?.slice else { return }
        var timelines = Set(first.runs.map(\.timeline))
        while let last = slices.last?.slice, last.next.piece == nil,
            let most = totals.map(\.records).max(), most * 2 < limits.records,
            encoders.allSatisfy({ $0.count * 2 < limits.bytes })
        {
            var more = SampleSlice()
            // So few that none of the parts has too many, whichever they are of.
            let limit = limits.records - most
            guard try feed.read(after: last.next, limit: limit, known: known, into: &more),
                more.epoch == known.epoch, !more.isAfterGap,
                timelines.isDisjoint(with: more.runs.map(\.timeline))
            else { return }
            timelines.formUnion(more.runs.map(\.timeline))
            adopt(more)
            add(more, after: last.next, limit: limit, &totals)
            endSeries(more, &totals)
        }
    }

    /// Takes the new names in; after a change of epoch the series get new numbers.
    private func adopt(_ slice: SampleSlice) {
        if known.epoch != slice.epoch {
            for entry in entries.values where entry.isAlive { unseen[entry.series.bytes] = entry }
            entries.removeAll(keepingCapacity: true)
            metrics.removeAll(keepingCapacity: true)
            known = KnownSeries()
            known.epoch = slice.epoch
        }
        guard !slice.names.isEmpty else { return }
        for (number, names) in slice.names {
            let labels = selection.apply(names.labels)
            let part = part(of: number)
            let series =
                labels.map { encoders[part].prepare($0, names.descriptor) } ?? PreparedSeries()
            let name = names.labels[Labels.metricName]
            metrics.insert(name)
            entries[number] = Entry(series: series, name: name, part: part)
            known.series.insert(number)
        }
        var ranks: [String: Int] = [:]
        for (rank, name) in metrics.sorted().enumerated() { ranks[name] = rank }
        for (number, entry) in entries { entries[number]?.rank = ranks[entry.name] ?? 0 }
    }

    /// What is known of a run's series; nil when it is not sent.
    private func entry(of run: SampleSlice.Run) -> Entry? {
        guard let entry = entries[run.series], !entry.series.bytes.isEmpty else { return nil }
        return entry
    }

    /// Adds a stale marker for each series that has none in the first tick of the section.
    private func endSeries(_ slice: SampleSlice, _ totals: inout [Total]) {
        guard !slice.opened.isEmpty, !unseen.isEmpty else { return }
        var present: Set<[UInt8]> = []
        for run in slice.runs {
            if let entry = entry(of: run) { present.insert(entry.series.bytes) }
        }
        for (bytes, entry) in unseen where !present.contains(bytes) {
            guard let time = slice.opened[entry.timeline] else { continue }
            encoders[entry.part].add(entry.series, [time], [StaleMarker.value], 0..<1)
            totals[entry.part].records += 1
            totals[entry.part].newest = max(totals[entry.part].newest, time)
            ending.append(bytes)
        }
    }

    /// See `ParcelSource`.
    public func acknowledge() {
        for (slice, _, _) in slices {
            for run in slice.runs {
                guard var entry = entries[run.series], !entry.series.bytes.isEmpty else { continue }
                entry.isAlive = !StaleMarker.isStale(slice.values[run.samples.upperBound - 1])
                entry.timeline = run.timeline
                entries[run.series] = entry
                unseen[entry.series.bytes] = nil
            }
            hasGap = hasGap || slice.isAfterGap
            position = slice.next
        }
        for bytes in ending { unseen[bytes] = nil }
        slices.removeAll(keepingCapacity: true)
        ending.removeAll(keepingCapacity: true)
        for encoder in encoders { encoder.acknowledge() }
    }

    /// See `ParcelSource`. The labels are those of the store.
    public func describe(_ parcel: Parcel) -> [UInt8] {
        var text: [UInt8] = []
        var again = SampleSlice()
        for (_, place, limit) in slices {
            // The same samples once more, with the names of all series.
            let isThere = try? feed.read(
                after: place, limit: limit, known: KnownSeries(), into: &again)
            if isThere == true { describe(again, parcel.part, into: &text) }
        }
        return text
    }

    private func describe(_ again: SampleSlice, _ part: Int, into text: inout [UInt8]) {
        for run in again.runs where self.part(of: run.series) == part {
            guard let names = again.names[run.series], selection.apply(names.labels) != nil else {
                continue
            }
            for i in run.samples {
                text += "{\"labels\":{".utf8
                for (order, label) in names.labels.pairs.enumerated() {
                    if order > 0 { text.append(UInt8(ascii: ",")) }
                    JSONText.append(label.name, to: &text)
                    text.append(UInt8(ascii: ":"))
                    JSONText.append(label.value, to: &text)
                }
                text += "},\"value\":\"".utf8
                ExpositionText.append(again.values[i], to: &text)
                text += "\",\"timestamp\":\(again.timestamps[i])}\n".utf8
            }
        }
    }

    /// See `ParcelSource`.
    public func fallBack() -> Bool {
        let older = encoders.compactMap { $0.older() }
        guard older.count == encoders.count else { return false }
        encoders = older
        // What was prepared is in the newer version's form.
        forget()
        return true
    }

    private func forget() {
        slices.removeAll()
        known = KnownSeries()
        entries.removeAll()
        unseen.removeAll()
    }

    /// See `ParcelSource`.
    public func backlog() throws -> Backlog {
        let waiting = try feed.backlog(after: position)
        var backlog = Backlog()
        backlog.records = waiting.samples
        backlog.bytes = waiting.bytes
        backlog.oldest = waiting.oldest
        return backlog
    }

    /// See `ParcelSource`.
    public func seek(to time: Milliseconds) throws {
        position = try feed.position(at: time)
        forget()
    }

    /// See `ParcelSource`.
    public func takeGap() -> Bool {
        defer { hasGap = false }
        return hasGap
    }
}
