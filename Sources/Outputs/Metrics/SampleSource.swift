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
        var timeline: UInt16 = 0
        /// Whether the last sample sent was no stale marker.
        var isAlive = false
    }

    private let feed: any SampleFeed
    private let selection: Selection
    private var encoder: any SampleEncoder
    private var position: SamplePosition
    private var slice = SampleSlice()
    private var known = KnownSeries()
    private var entries: [Int: Entry] = [:]
    /// Series that were alive when their numbers became out of date, with their timelines.
    private var unseen: [[UInt8]: Entry] = [:]
    /// Those of `unseen` that end with the parcel that is on its way.
    private var ending: [[UInt8]] = []
    private var hasGap = false
    /// The limit with which the last slice was read.
    private var lastLimit = 1

    /// A reader that goes on at a cursor; without one it begins at the end, or with what the store
    /// has when `fromOldest`. Throws for a cursor that is none.
    init(
        feed: any SampleFeed, encoder: any SampleEncoder, selection: Selection, cursor: String?,
        fromOldest: Bool
    ) throws(ShipError) {
        self.feed = feed
        self.selection = selection
        self.encoder = encoder
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

    /// See `ParcelSource`.
    public func next(_ limits: BatchLimits) throws -> Parcel? {
        var limit = limits.records
        while try feed.read(after: position, limit: limit, known: known, into: &slice) {
            adopt()
            lastLimit = limit
            ending.removeAll(keepingCapacity: true)
            encoder.begin()
            var (records, newest) = (0, Milliseconds.min)
            for run in slice.runs {
                guard let entry = entry(of: run) else { continue }
                encoder.add(entry.series, slice.timestamps, slice.values, run.samples)
                records += run.samples.count
                newest = max(newest, slice.timestamps[run.samples.upperBound - 1])
            }
            records += endSeries()
            if encoder.count > limits.bytes, limit > 1, slice.runs.count > 1 {
                limit = max(1, limit / 2)
                continue
            }
            guard records > 0 else {
                // Nothing in it is wanted.
                acknowledge()
                continue
            }
            let (body, rawBytes) = encoder.finish()
            var parcel = Parcel(
                body: body, headers: encoder.headers, records: records, rawBytes: rawBytes,
                newest: newest, isFull: slice.next.piece != nil || records * 2 > limit)
            parcel.judge = encoder.judge
            return parcel
        }
        return nil
    }

    /// Takes the new names in; after a change of epoch the series get new numbers.
    private func adopt() {
        if known.epoch != slice.epoch {
            for entry in entries.values where entry.isAlive { unseen[entry.series.bytes] = entry }
            entries.removeAll(keepingCapacity: true)
            known = KnownSeries()
            known.epoch = slice.epoch
        }
        for (number, names) in slice.names {
            let labels = selection.apply(names.labels)
            let series = labels.map { encoder.prepare($0, names.descriptor) } ?? PreparedSeries()
            entries[number] = Entry(series: series)
            known.series.insert(number)
        }
    }

    /// What is known of a run's series; nil when it is not sent.
    private func entry(of run: SampleSlice.Run) -> Entry? {
        guard let entry = entries[run.series], !entry.series.bytes.isEmpty else { return nil }
        return entry
    }

    /// Adds a stale marker for each series that has none in the first tick of the section.
    private func endSeries() -> Int {
        guard !slice.opened.isEmpty, !unseen.isEmpty else { return 0 }
        var present: Set<[UInt8]> = []
        for run in slice.runs {
            if let entry = entry(of: run) { present.insert(entry.series.bytes) }
        }
        for (bytes, entry) in unseen where !present.contains(bytes) {
            guard let time = slice.opened[entry.timeline] else { continue }
            encoder.add(entry.series, [time], [StaleMarker.value], 0..<1)
            ending.append(bytes)
        }
        return ending.count
    }

    /// See `ParcelSource`.
    public func acknowledge() {
        for run in slice.runs {
            guard var entry = entries[run.series], !entry.series.bytes.isEmpty else { continue }
            entry.isAlive = !StaleMarker.isStale(slice.values[run.samples.upperBound - 1])
            entry.timeline = run.timeline
            entries[run.series] = entry
            unseen[entry.series.bytes] = nil
        }
        for bytes in ending { unseen[bytes] = nil }
        hasGap = hasGap || slice.isAfterGap
        position = slice.next
        slice.removeAll()
        ending.removeAll(keepingCapacity: true)
        encoder.acknowledge()
    }

    /// See `ParcelSource`. The labels are those of the store.
    public func describe() -> [UInt8] {
        var text: [UInt8] = []
        var again = SampleSlice()
        // The same samples once more, with the names of all series.
        guard
            (try? feed.read(
                after: position, limit: lastLimit, known: KnownSeries(), into: &again)) == true
        else { return text }
        for run in again.runs {
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
        return text
    }

    /// See `ParcelSource`.
    public func fallBack() -> Bool {
        guard let older = encoder.older() else { return false }
        encoder = older
        // What was prepared is in the newer version's form.
        forget()
        return true
    }

    private func forget() {
        slice.removeAll()
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
