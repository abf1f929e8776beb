// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model
import Synchronization

/// Samples in the order in which they were stored. Sections are numbered as their journals are, and
/// a bucket keeps the number of the section it was, so a place outlives sealing and restarts.
///
/// The section that is being filled is read row by row where a reader is close behind, and by
/// packs where it is not; sections on the disk are read segment by segment, so that each is read
/// and unpacked once.
extension SeriesStore: SampleFeed {
    /// See `SampleFeed`.
    public func end() -> SamplePosition {
        core.state.withLock { state in
            var place = SamplePosition(section: state.section)
            for timeline in state.timelines where !timeline.stretch.times.isEmpty {
                place.ticks[timeline.number] = timeline.stretch.times.count
            }
            return place
        }
    }

    /// See `SampleFeed`.
    public func position(at time: Milliseconds) throws -> SamplePosition {
        // Memory first: what is sealed in between is then looked at twice, never missed.
        let memory = core.memoryTimes()
        let sealed = try core.reader.withLock { reader in
            try SealedSection.first(endingAt: time, in: reader.database).flatMap {
                try SealedSection.find($0, in: reader.database)
            }
        }
        if let sealed {
            return Self.place(
                sealed.number,
                sealed.timelines.map { (UInt16(truncatingIfNeeded: $0.key), $0.value) }, at: time)
        }
        for section in memory where section.times.contains(where: { ($0.1.last ?? .min) >= time }) {
            return Self.place(section.number, section.times, at: time)
        }
        return end()
    }

    private static func place(
        _ section: Int64, _ times: [(UInt16, [Milliseconds])], at time: Milliseconds
    ) -> SamplePosition {
        var place = SamplePosition(section: section)
        for (number, ticks) in times {
            let before = ticks.partitioningIndex { $0 >= time }
            if before > 0 { place.ticks[number] = before }
        }
        return place
    }

    /// See `SampleFeed`.
    public func read(
        after position: SamplePosition, limit: Int, known: KnownSeries,
        into slice: inout SampleSlice
    ) throws -> Bool {
        var place = position
        var isAfterGap = false
        if place.section > core.openSection {
            // The place is of a store that was here before: this one begins at its beginning.
            place = SamplePosition()
            isAfterGap = true
        }
        // Each turn but the last passes over a section that is complete or not there any more.
        while true {
            slice.removeAll()
            slice.isAfterGap = isAfterGap
            let reading = FeedReading(place: place, limit: max(1, limit), known: known)
            if let isMore = core.readMemory(reading, into: &slice) {
                if isMore { return true }
                guard place.section < core.openSection else { return false }
                place = SamplePosition(section: place.section + 1)
                continue
            }
            // Asked before the database is: what is sealed in between is found there.
            let isWaiting = core.isSpilled(place.section)
            if try core.readSealed(reading, into: &slice) { return true }
            if isWaiting { return false }
            // It is gone.
            guard let next = try core.section(after: place.section) else { return false }
            isAfterGap = isAfterGap || place.section > 0
            place = SamplePosition(section: next)
        }
    }

    /// See `SampleFeed`. What is on the disk is counted from the segments' rows.
    public func backlog(after position: SamplePosition) throws -> SampleBacklog {
        var backlog = SampleBacklog()
        let memory = core.memoryBacklog(after: position)
        let numbers = Set(memory.map(\.section))
        try core.reader.withLock { reader in
            for part in try SealedSection.sizes(from: position.section, in: reader.database)
            where !numbers.contains(part.section) {
                backlog.add(part, of: position)
            }
        }
        for part in memory { backlog.add(part, of: position) }
        return backlog
    }
}

/// What is in one section, for a backlog.
struct SectionSize {
    var section: Int64
    var samples: Int64
    var bytes: Int64
    /// By timeline.
    var times: [UInt16: [Milliseconds]]
}

extension SampleBacklog {
    mutating func add(_ part: SectionSize, of position: SamplePosition) {
        let done = part.section == position.section ? position.ticks : [:]
        let total = part.times.values.reduce(0) { $0 + $1.count }
        let delivered = part.times.reduce(0) { $0 + min($1.value.count, done[$1.key] ?? 0) }
        guard total > delivered else { return }
        let share = Double(total - delivered) / Double(total)
        samples += Int64(Double(part.samples) * share)
        bytes += Int64(Double(part.bytes) * share)
        for (number, times) in part.times {
            let next = done[number] ?? 0
            if next < times.count { oldest = min(oldest ?? .max, times[next]) }
        }
    }
}

/// What a reader of the feed wants.
struct FeedReading {
    let place: SamplePosition
    let limit: Int
    let known: KnownSeries
}

extension StoreCore {
    /// The section that is being filled.
    var openSection: Int64 { state.withLock { $0.section } }

    /// The times of the sections in memory, oldest first.
    func memoryTimes() -> [(number: Int64, times: [(UInt16, [Milliseconds])])] {
        state.withLock { state in
            state.sealing.map { section in
                (section.number, section.stretches.map { ($0.timeline, $0.stretch.times) })
            } + [(state.section, state.timelines.map { ($0.number, $0.stretch.times) })]
        }
    }

    func memoryBacklog(after position: SamplePosition) -> [SectionSize] {
        state.withLock { state in
            var sizes = state.sealing.map { section in
                SectionSize(
                    section: section.number, samples: Int64(section.samples),
                    bytes: section.databaseBytes,
                    times: Dictionary(
                        section.stretches.map { ($0.timeline, $0.stretch.times) },
                        uniquingKeysWith: { $1 }))
            }
            let open = state.timelines.map(\.stretch)
            sizes.append(
                SectionSize(
                    section: state.section, samples: Int64(open.reduce(0) { $0 + $1.samples }),
                    bytes: Int64(open.reduce(0) { $0 + $1.samples }) * 2,
                    times: Dictionary(
                        state.timelines.map { ($0.number, $0.stretch.times) },
                        uniquingKeysWith: { $1 })))
            return sizes.filter { $0.section >= position.section }
        }
    }

    /// Whether a section is in a journal that waits for room in the database.
    func isSpilled(_ number: Int64) -> Bool { state.withLock { $0.spilled.contains(number) } }

    /// The first section after one.
    func section(after number: Int64) throws -> Int64? {
        let memory = state.withLock { state in
            state.sealing.map(\.number) + state.spilled + [state.section]
        }
        let sealed = try reader.withLock { try SealedSection.next(after: number, in: $0.database) }
        return (memory + (sealed.map { [$0] } ?? [])).filter { $0 > number }.min()
    }

    /// Reads a section in memory; nil when it is not there, false when it has nothing more.
    func readMemory(_ reading: FeedReading, into slice: inout SampleSlice) -> Bool? {
        let section = reading.place.section
        let window = state.withLock { state -> FeedWindow?? in
            if section == state.section {
                return .some(
                    FeedWindow.next(
                        state.timelines.lazy.map { ($0.number, $0.stretch) }, state.table, reading))
            }
            guard let waiting = state.sealing.first(where: { $0.number == section }) else {
                return nil
            }
            return .some(
                FeedWindow.next(
                    waiting.stretches.lazy.map { ($0.timeline, $0.stretch) }, waiting.table, reading
                ))
        }
        guard let window else { return nil }
        guard let window else { return false }
        window.read(reading, into: &slice)
        return true
    }
}
