// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model
import Synchronization

extension SeriesStore: Appender {
    /// See `Appender`. A disk that refuses does not stop the sampling: the target is then written
    /// down with its first series that can be.
    public func target(_ labels: Labels) throws -> TargetRef {
        state.withLock { state in
            let id = state.attempt { writer throws(StoreError) in
                try Registry.target(labels, in: writer)
            }
            return TargetRef(raw: state.head.target(labels, id: id ?? 0))
        }
    }

    /// See `Appender`. Throws `StoreError.tooManySeries` at the limit.
    public func series(
        _ metric: MetricDescriptor, sampleName: String, target: TargetRef, labels: Labels
    ) throws -> SeriesRef {
        try state.withLock { state throws(StoreError) in
            guard state.head.count < options.maxSeries else {
                throw .tooManySeries(limit: options.maxSeries)
            }
            let metricID = state.attempt { writer throws(StoreError) in
                try Registry.metric(metric, in: writer)
            }
            let index = state.head.metric(metric, id: metricID ?? 0)
            let slot = state.head.register(
                metric: index, name: sampleName, target: target.raw, labels: labels, id: 0)
            state.writeDown(slot, labels: labels)
            return SeriesRef(raw: UInt32(slot))
        }
    }

    /// See `Appender`.
    public func append(_ batch: borrowing Batch) -> AppendOutcome {
        let timestamp = batch.timestamp
        let refs = batch.series
        let values = batch.values
        return state.withLock { state in
            var outcome = AppendOutcome()
            guard timestamp != state.lastTime else {
                outcome.duplicate = refs.count
                return outcome
            }
            if timestamp < state.lastTime {
                // The clock was set back: what there is becomes a bucket of its own, and another
                // begins. Queries merge the two.
                seal(&state)
                guard state.head.times.isEmpty else {
                    outcome.outOfOrder = refs.count
                    return outcome
                }
            }
            if state.head.times.count >= Self.maxPendingTicks {
                outcome.dropped += state.head.dropOldest(Self.ticksPerBucket)
            }
            let samples = state.head.append(refs, values, at: timestamp, outcome: &outcome)
            state.lastTime = timestamp
            state.journal(samples, at: timestamp, syncInterval: options.syncInterval)
            if state.head.times.count % Self.ticksPerBucket == 0 { seal(&state) }
            return outcome
        }
    }

    /// See `Appender`.
    public func retire(_ target: TargetRef) {
        state.withLock { state in
            guard let known = state.head.targets[target.raw] else { return }
            state.head.targets[target.raw]?.isRetired = true
            for slot in known.members { state.head.series[slot]?.isRetired = true }
        }
    }

    /// Moves the head's samples into segments, and drops what is over the limits.
    private func seal(_ state: inout State) {
        let head = state.head
        let done: Void? = state.attempt { writer throws(StoreError) in
            try Sealer.seal(head, in: writer)
        }
        guard done != nil else { return }
        state.head.clearSealed()
        let cutoff = state.lastTime - options.retention
        _ = state.attempt { writer throws(StoreError) in
            try Retention.apply(in: writer, before: cutoff, maxBytes: options.maxBytes)
            try writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
        }
    }
}

extension SeriesStore.State {
    /// Does something that the disk may refuse; nil, counted, when it does.
    mutating func attempt<T>(_ body: (Database) throws(StoreError) -> T) -> T? {
        do { return try body(writer) } catch {
            statistics.errors += 1
            statistics.lastError = "\(error)"
            return nil
        }
    }

    /// Gives a series its row, when it has none and its metric and target have theirs.
    mutating func writeDown(_ slot: Int, labels: Labels) {
        guard let one = head.series[slot], one.id == 0, let target = head.targets[one.target] else {
            return
        }
        let metricID = head.metrics[one.metric].id
        guard metricID > 0, target.id > 0 else { return }
        let name = one.labels[Labels.metricName]
        let id = attempt { writer throws(StoreError) in
            try Registry.series(
                metric: metricID, target: target.id, name: name, labels: labels, in: writer)
        }
        if let id { head.series[slot]?.id = id }
    }

    /// Writes a tick down; waits for the disk when the last time is `syncInterval` ago.
    mutating func journal(
        _ samples: [(id: Int64, value: Double)], at time: Milliseconds, syncInterval: Milliseconds
    ) {
        let waits = time - lastSync >= syncInterval
        let done: Void? = attempt { writer throws(StoreError) in
            if waits { try writer.execute("PRAGMA synchronous = FULL") }
            let insert = try writer.prepare(
                "INSERT OR REPLACE INTO tick (time, data) VALUES (?, ?)")
            insert.bind(1, time)
            insert.bind(2, Journal.encode(samples))
            try insert.run()
            if waits { try writer.execute("PRAGMA synchronous = NORMAL") }
        }
        if done != nil, waits { lastSync = time }
    }
}

extension Head {
    /// Adds one tick; gives what the journal keeps of it, which is what has a row.
    mutating func append(
        _ refs: [SeriesRef], _ values: [Double], at time: Milliseconds,
        outcome: inout AppendOutcome
    ) -> [(id: Int64, value: Double)] {
        let number = UInt16(times.count)
        times.append(time)
        tickCount += 1
        var samples: [(id: Int64, value: Double)] = []
        samples.reserveCapacity(refs.count)
        for (ref, value) in zip(refs, values) {
            let slot = Int(ref.raw)
            guard slot < series.count, series[slot] != nil else {
                outcome.dropped += 1
                continue
            }
            guard series[slot]?.latestTick != tickCount else {
                outcome.duplicate += 1
                continue
            }
            series[slot]?.ticks.append(number)
            series[slot]?.values.append(value)
            series[slot]?.latest = value
            series[slot]?.latestTick = tickCount
            if let id = series[slot]?.id, id > 0 { samples.append((id, value)) }
            outcome.accepted += 1
        }
        return samples
    }

    /// Forgets the oldest ticks; gives how many samples that were.
    mutating func dropOldest(_ count: Int) -> Int {
        var dropped = 0
        times.removeFirst(count)
        for i in series.indices {
            guard let one = series[i] else { continue }
            let keep = one.ticks.firstIndex { Int($0) >= count } ?? one.ticks.count
            dropped += keep
            series[i]?.values.removeFirst(keep)
            series[i]?.ticks = one.ticks.dropFirst(keep).map { $0 - UInt16(count) }
        }
        return dropped
    }
}
