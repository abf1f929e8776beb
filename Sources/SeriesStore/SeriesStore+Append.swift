// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
public import Model
import Synchronization
import SystemPackage

extension SeriesStore: Appender {
    /// See `Appender`. The disk is not involved.
    public func target(_ labels: Labels) throws -> TargetRef {
        core.state.withLock { TargetRef(raw: $0.table.target(labels)) }
    }

    /// See `Appender`. Throws `StoreError.tooManySeries` at the limit. The disk is not involved.
    public func series(
        _ metric: MetricDescriptor, sampleName: String, target: TargetRef, labels: Labels
    ) throws -> SeriesRef {
        let limit = core.options.maxSeries
        return try core.state.withLock { state throws(StoreError) in
            let metric = state.table.metric(metric)
            let identity = state.table.identity(
                SeriesTable.Identity(name: sampleName, labels: labels))
            let isFull = state.table.count >= limit
            if isFull,
                state.table.find(metric: metric, target: target.raw, identity: identity) == nil
            {
                throw .tooManySeries(limit: limit)
            }
            guard
                let slot = state.table.register(
                    metric: metric, target: target.raw, identity: identity)
            else { throw .unknownTarget }
            while state.places.count < state.table.series.count {
                state.places.append(StoreCore.Place())
            }
            return SeriesRef(raw: slot)
        }
    }

    /// See `Appender`.
    public func append(_ batch: borrowing Batch) -> AppendOutcome {
        let (time, number) = (batch.timestamp, batch.timeline)
        let (refs, values) = (batch.series, batch.values)
        let (outcome, hasWork) = core.state.withLock { state in
            let before = state.sealing.count
            let outcome = state.append(refs, values, at: time, timeline: number, core)
            let isLong = state.timelines.contains { $0.stretch.hasShortPacks }
            return (outcome, isLong || state.sealing.count > before)
        }
        if hasWork { core.wakeup.wake() }
        return outcome
    }

    /// See `Appender`.
    public func retire(_ target: TargetRef) {
        core.state.withLock { $0.table.retire(target.raw) }
    }
}

extension StoreCore.State {
    /// See `Appender.append`.
    fileprivate mutating func append(
        _ refs: [SeriesRef], _ values: [Double], at time: Milliseconds, timeline number: UInt16,
        _ core: StoreCore
    ) -> AppendOutcome {
        var outcome = AppendOutcome()
        let index = timeline(number)
        let last = timelines[index].last
        guard time != last else {
            outcome.duplicate = refs.count
            return outcome
        }
        let times = timelines[index].stretch.times
        if time < last, !times.isEmpty {
            // The clock was set back: what there is becomes a bucket of its own, and another
            // begins. Queries merge the two. A clock that jumps at each tick is refused.
            guard sealing.count < StoreCore.maxSections else {
                outcome.outOfOrder = refs.count
                return outcome
            }
            rotate()
        } else if times.count >= core.options.ticksPerBucket
            || (times.first.map { time - $0 >= StoreCore.bucketSpan } ?? false)
            || (journal?.offset ?? 0) >= core.sectionBytes
        {
            rotate()
        }
        outcome.dropped += spill()
        if timelines[index].stretch.columns.isEmpty { assignColumns(refs, timeline: index) }
        add(refs, values, at: time, timeline: index, &outcome)
        timelines[index].last = time
        journal(timeline: index, samples: outcome.accepted, core)
        return outcome
    }

    /// Gives the series of a timeline's first tick their columns, those of a metric side by side:
    /// like compresses like.
    private mutating func assignColumns(_ refs: [SeriesRef], timeline index: Int) {
        let slots = refs.map(\.raw).filter {
            $0 < table.series.count && table.series[Int($0)].metric != SeriesTable.none
        }
        let sorted = slots.enumerated().sorted {
            (table.series[Int($0.element)].metric, $0.offset)
                < (table.series[Int($1.element)].metric, $1.offset)
        }
        for (_, slot) in sorted { place(slot, timeline: index) }
    }

    @discardableResult
    private mutating func place(_ slot: UInt32, timeline index: Int) -> UInt32 {
        let known = places[Int(slot)]
        if known.section == section, known.timeline == index { return known.column }
        let column = timelines[index].stretch.addColumn(slot)
        places[Int(slot)] = StoreCore.Place(section: section, column: column, timeline: index)
        return column
    }

    private mutating func add(
        _ refs: [SeriesRef], _ values: [Double], at time: Milliseconds, timeline index: Int,
        _ outcome: inout AppendOutcome
    ) {
        // Every series has its column before the row is made.
        for ref in refs where ref.raw < table.series.count {
            let known = places[Int(ref.raw)]
            guard known.section != section || known.timeline != index,
                table.series[Int(ref.raw)].metric != SeriesTable.none
            else { continue }
            place(ref.raw, timeline: index)
        }
        let (section, places) = (section, places)
        var (accepted, duplicate, dropped) = (0, 0, 0)
        let count = min(refs.count, values.count)
        _ = timelines[index].stretch.addTick(at: time, &packer) { row, bits in
            places.withUnsafeBufferPointer { places in
                for i in 0..<count {
                    let slot = Int(refs[i].raw)
                    guard slot < places.count, places[slot].section == section,
                        places[slot].timeline == index
                    else {
                        dropped &+= 1
                        continue
                    }
                    let column = Int(places[slot].column)
                    let bit: UInt64 = 1 &<< UInt64(column & 63)
                    guard bits[column &>> 6] & bit == 0 else {
                        duplicate &+= 1
                        continue
                    }
                    bits[column &>> 6] |= bit
                    row[column] = values[i]
                    accepted &+= 1
                }
            }
            return accepted
        }
        outcome.accepted += accepted
        outcome.duplicate += duplicate
        outcome.dropped += dropped
    }

    /// Writes the newest tick down; what cannot be, or is not worth it while there is little room,
    /// is in memory alone until it is sealed.
    private mutating func journal(timeline index: Int, samples: Int, _ core: StoreCore) {
        let mask = columnsToWrite(timelines[index].stretch, worth: core.leastWorth)
        do {
            if journal == nil {
                journal = JournalWriter(
                    try JournalFile(directory: core.directory, number: section))
            }
            let others = journals.values.reduce(0, +)
            let written =
                try journal?.append(
                    timelines[index].stretch, timeline: timelines[index].number, table: table,
                    columns: mask, limit: core.journalLimit(besides: others)) ?? 0
            if core.options.syncInterval <= 0, let writer = journal {
                try writer.file.sync()
                journal?.synced(writer.offset)
            }
            if mask != nil { noteUnwritten(samples - written, timeline: index, isWithheld: true) }
        } catch {
            noteUnwritten(samples, timeline: index, isWithheld: false)
            // The worker looks how much room there is, and takes this back when it is enough.
            if error == .noSpace || error == .diskQuotaExceeded {
                core.pressure.store(SampleWorth.essential.rawValue, ordering: .relaxed)
            }
            fail(
                error == .fileTooLarge
                    ? "store.max_size is reached, and nothing older is left to delete"
                    : "cannot write the journal in \(core.directory): \(error)")
        }
    }

    private mutating func noteUnwritten(_ samples: Int, timeline index: Int, isWithheld: Bool) {
        guard samples > 0 else { return }
        timelines[index].stretch.markIncomplete()
        unjournaled += samples
        statistics.unjournaled += samples
        if isWithheld { statistics.withheld += samples }
    }

    /// Takes the oldest sections out of memory when the disk has taken none for long: those in
    /// journals are sealed when there is room again. Gives how many samples are lost.
    private mutating func spill() -> Int {
        var lost = 0
        while sealing.count > StoreCore.maxSections {
            // One that is being written to the database is not lost.
            let isBusy = sealing[0].number == beingSealed
            if isBusy, sealing.count == StoreCore.maxSections + 1 { break }
            let oldest = sealing.remove(at: isBusy ? 1 : 0)
            lost += oldest.unjournaled
            if oldest.unjournaled < oldest.samples { spilled.append(oldest.number) }
        }
        return lost
    }
}
