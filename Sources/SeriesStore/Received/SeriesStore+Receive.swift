// SPDX-License-Identifier: Apache-2.0

import Linux
import Matching
public import Model
import Synchronization
import SystemPackage

/// Samples that other hosts send: in memory and in a journal of their own until there are enough of
/// them for buckets, then in the database like samples of the past.
///
/// Two locks, so that a query never waits for the disk: `journal` is held by the request that is
/// being taken in, `tables` for as long as memory changes.
final class ReceivedSamples: Sendable {
    /// What is in memory.
    struct Tables: Sendable {
        var active = ReceivedTable()
        /// What is on its way into the database.
        var sealing: ReceivedTable?
        /// When the oldest sample of `active` came.
        var since: Milliseconds?
        /// Whether bringing them into the database failed.
        var hasFailed = false
    }

    /// Samples after which they are brought into the database.
    static let maxSamples = 1_000_000
    /// Milliseconds after which they are.
    static let maxAge: Milliseconds = 1_800_000
    /// Bytes of the journal, at most, while the database takes nothing.
    static let maxBytes: Int64 = 128 << 20
    /// How far a sample may be ahead of this clock, as at Prometheus.
    static let maxAhead: Milliseconds = 600_000

    let journal: Mutex<ReceivedJournal>
    let tables: Mutex<Tables>
    /// Bytes of the journal's files.
    let bytes: Atomic<Int64>
    /// Places of the journal that were damaged when it was read.
    let damaged: Int

    /// Reads what was not brought into the database before.
    init(directory: String) {
        var journal = ReceivedJournal()
        var tables = Tables()
        damaged = journal.replay(directory: directory, into: &tables.active)
        if tables.active.samples > 0 { tables.since = Clock.realtimeMilliseconds() }
        bytes = Atomic(journal.bytes)
        self.journal = Mutex(journal)
        self.tables = Mutex(tables)
    }

    /// The families in memory.
    func descriptors() -> [MetricDescriptor] {
        let active = tables.withLock { $0.active }
        var found: [String: MetricDescriptor] = [:]
        for row in active.rows { found[row.series.descriptor.name] = row.series.descriptor }
        return Array(found.values)
    }

    /// What is in memory of the series that match, by labels.
    func runs(_ matchers: CompiledMatchers, in range: TimeRange) -> [Labels: [StoredRun]] {
        let (sealing, active) = tables.withLock { ($0.sealing, $0.active) }
        var found: [Labels: [StoredRun]] = [:]
        sealing?.runs(matchers, in: range, order: 0, into: &found)
        active.runs(matchers, in: range, order: 1, into: &found)
        return found
    }
}

extension SeriesStore {
    /// Stores samples that somebody sent: when it returns they are on the disk, and queries find
    /// them. A sample may be late or come twice; what is refused is counted in the outcome, and the
    /// rest is stored. `now` is what the bounds of time are counted from, this clock when it is nil.
    ///
    /// Throws `StoreError` when there is no room: nothing of the batch is stored then, and it may be
    /// sent again.
    public func receive(
        _ batch: [BackfillSeries], now: Milliseconds? = nil
    ) throws -> ReceiveOutcome {
        let now = now ?? Clock.realtimeMilliseconds()
        let bounds = TimeRange(
            start: now - min(core.options.retention, now),
            end: now + ReceivedSamples.maxAhead)
        return try core.received.journal.withLock { journal throws(StoreError) in
            try core.sealReceivedWhenDue(&journal, now: now)
            var outcome = ReceiveOutcome()
            var rows: [(row: Int, series: BackfillSeries)] = []
            rows.reserveCapacity(batch.count)
            let limit = core.options.maxSeries
            core.received.tables.withLock { tables in
                for series in batch {
                    let series = series.clipped(to: bounds, &outcome)
                    guard !series.timestamps.isEmpty else { continue }
                    if let row = tables.active.row(of: series, limit: limit) {
                        rows.append((row, series))
                    } else {
                        outcome.overLimit += series.timestamps.count
                    }
                }
            }
            guard !rows.isEmpty else { return outcome }
            try core.write(rows, to: &journal)
            core.received.tables.withLock { tables in
                for (row, series) in rows {
                    tables.active.add(series.timestamps, series.values, to: row, &outcome)
                }
                if tables.since == nil, tables.active.samples > 0 { tables.since = now }
            }
            return outcome
        }
    }

    /// Brings what was sent into the database, before its time. Throws `StoreError` when the disk
    /// refuses; the samples stay where they are then.
    public func sealReceived() throws {
        try core.received.journal.withLock { journal throws(StoreError) in
            try core.sealReceived(&journal)
        }
    }
}

extension BackfillSeries {
    /// The samples within bounds; the others are counted.
    fileprivate func clipped(
        to bounds: TimeRange, _ outcome: inout ReceiveOutcome
    ) -> BackfillSeries {
        func isWithin(_ time: Milliseconds) -> Bool { time >= bounds.start && time <= bounds.end }
        let count = min(timestamps.count, values.count)
        if count == timestamps.count, timestamps.allSatisfy(isWithin) { return self }
        var rest = self
        (rest.timestamps, rest.values) = ([], [])
        for i in 0..<count {
            guard isWithin(timestamps[i]) else {
                outcome.outOfBounds += 1
                continue
            }
            rest.timestamps.append(timestamps[i])
            rest.values.append(values[i])
        }
        return rest
    }
}

extension StoreCore {
    fileprivate func write(
        _ rows: [(row: Int, series: BackfillSeries)], to journal: inout ReceivedJournal
    ) throws(StoreError) {
        let others = state.withLock { state in
            state.journals.values.reduce(0, +) + (state.journal?.offset ?? 0)
        }
        let limit = min(ReceivedSamples.maxBytes, journalLimit(besides: others + sectionBytes))
        do {
            try journal.append(rows, directory: directory, limit: limit)
            received.bytes.store(journal.bytes, ordering: .relaxed)
        } catch {
            guard error != .noSpace, error != .diskQuotaExceeded, error != .fileTooLarge else {
                throw .noRoom(path: directory)
            }
            throw .directory(path: directory, reason: "cannot write what was received: \(error)")
        }
    }

    fileprivate func sealReceivedWhenDue(
        _ journal: inout ReceivedJournal, now: Milliseconds
    ) throws(StoreError) {
        let isDue = received.tables.withLock { tables in
            tables.active.samples >= ReceivedSamples.maxSamples || tables.hasFailed
                || now - (tables.since ?? now) >= ReceivedSamples.maxAge
                || journal.bytes >= min(ReceivedSamples.maxBytes / 2, options.maxBytes / 16)
        }
        guard isDue else { return }
        do { try sealReceived(&journal) } catch {
            count(error)
            // As long as there is room in memory and in the journal, they wait.
            let held = received.tables.withLock { tables in
                tables.active.samples + (tables.sealing?.samples ?? 0)
            }
            guard held < 2 * ReceivedSamples.maxSamples else { throw error }
        }
    }

    fileprivate func sealReceived(_ journal: inout ReceivedJournal) throws(StoreError) {
        let batch = received.tables.withLock { tables -> [BackfillSeries] in
            if tables.sealing == nil {
                tables.sealing = tables.active
                tables.active = tables.active.continued()
                tables.since = nil
                // What is taken in from here on is in the next file.
                journal.close()
            }
            tables.hasFailed = true
            return tables.sealing?.batch ?? []
        }
        if !batch.isEmpty {
            let samples = batch.reduce(0) { $0 + $1.timestamps.count }
            let growth = Int64(samples * 3 + batch.count * 300)
            let latest = batch.lazy.compactMap(\.timestamps.last).max()
            try writer.withLock { writer throws(StoreError) in
                guard try makeRoom(for: growth, latest: latest, writer.database),
                    try hasRoom(for: growth, writer.database)
                else { throw .noRoom(path: directory) }
            }
            _ = try backfill(batch)
        }
        received.tables.withLock { tables in
            tables.sealing = nil
            tables.hasFailed = false
        }
        journal.removeClosed(directory: directory)
        received.bytes.store(journal.bytes, ordering: .relaxed)
        measure()
    }
}
