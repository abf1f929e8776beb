// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model
import Synchronization

/// All that a store consists of; `SeriesStore` is the handle that its users hold, `StoreWorker` the
/// thread that works on it.
final class StoreCore: Sendable {
    /// Where the samples of a series of the table go in the section that is being filled.
    struct Place {
        var section: Int64 = -1
        var column: UInt32 = 0
        var timeline = 0
    }

    /// Series that are sampled together.
    struct Timeline {
        let number: UInt16
        var stretch = Stretch()
        /// The last tick of the section before, for those who ask for the newest value.
        var carried: TickRow?
        var carriedSection: Int64 = -1
        var last: Milliseconds = .min
    }

    /// All that the lock guards.
    struct State: ~Copyable {
        var table = SeriesTable()
        /// By slot of the table.
        var places: [Place] = []
        var timelines: [Timeline] = []
        var packer = Packer()
        /// Number of the section that is being filled.
        var section: Int64 = 1
        var journal: JournalWriter?
        /// Bytes of each journal that is complete and not sealed yet.
        var journals: [Int64: Int64] = [:]
        /// Samples of this section that the journal does not have.
        var unjournaled = 0
        /// Complete sections that are not in the database yet, oldest first.
        var sealing: [Section] = []
        /// The number of the section that is on its way into the database.
        var beingSealed: Int64?
        /// Journals that memory had no room for; they are sealed when the disk has.
        var spilled: [Int64] = []
        var statistics = SeriesStore.Statistics()
    }

    let directory: String
    let path: String
    let options: SeriesStore.Options
    let state: Mutex<State>
    /// The connection that writes; used by the worker, and by `backfill`.
    let writer: Mutex<Writer>
    /// The connection that queries share.
    let reader: Mutex<StoreReader>
    let headOrders = Mutex(HeadOrders())
    /// What other hosts sent and is not in the database yet.
    let received: ReceivedSamples
    let wakeup: Wakeup
    let isStopping = Atomic<Bool>(false)
    /// Bytes that everything but the journals takes, or is about to take.
    let claimed = Atomic<Int64>(0)
    /// Whether there may be a bucket of a coarser tier to build.
    let isTierDue = Atomic<Bool>(true)
    /// The `SampleWorth` below which samples are not written, for want of room.
    let pressure = Atomic<UInt8>(0)

    /// About as many bytes as the largest answer to a scrape has had.
    let exposedBytes = Atomic<Int>(0)

    struct Writer: ~Copyable {
        let database: Database
    }

    init(
        directory: String, options: SeriesStore.Options, quarantined: Int
    ) throws(StoreError) {
        self.directory = directory
        self.options = options
        path = StoreMaintenance.path(directory)
        let database = try Database(path: path)
        try Schema.prepare(database, path: path)
        var state = State()
        state.statistics.quarantined = quarantined
        try Replay.run(directory: directory, database, &state)
        received = ReceivedSamples(directory: directory)
        state.statistics.quarantined += received.damaged
        self.state = Mutex(state)
        let readOnly = try Database(path: path, readOnly: true)
        writer = Mutex(Writer(database: database))
        reader = Mutex(StoreReader(database: readOnly))
        do { wakeup = try Wakeup() } catch {
            throw .directory(path: directory, reason: "no wake-up event: \(error)")
        }
        measure()
    }

    /// Notes what the disk refused.
    func count(_ error: StoreError) {
        state.withLock { $0.fail("\(error)") }
    }

    var isSealed: Bool { state.withLock { $0.sealing.isEmpty && $0.spilled.isEmpty } }
}

extension StoreCore.State {
    mutating func fail(_ reason: String) {
        statistics.errors += 1
        statistics.lastError = reason
    }

    /// The index of a timeline, made if it is new.
    mutating func timeline(_ number: UInt16) -> Int {
        if let known = timelines.firstIndex(where: { $0.number == number }) { return known }
        timelines.append(StoreCore.Timeline(number: number))
        return timelines.count - 1
    }

    /// Completes the section that is being filled, and begins the next.
    mutating func rotate() {
        guard timelines.contains(where: { !$0.stretch.times.isEmpty }) else { return }
        var stretches: [(timeline: UInt16, stretch: Stretch)] = []
        for index in timelines.indices {
            var stretch = Stretch()
            swap(&stretch, &timelines[index].stretch)
            if stretch.times.isEmpty {
                timelines[index].carried = nil
                continue
            }
            timelines[index].carried = stretch.recent.lastRow
            timelines[index].carriedSection = section
            stretch.packRecent(&packer)
            timelines[index].stretch = Stretch(reusing: stretch.takeMatrix())
            stretches.append((timelines[index].number, stretch))
        }
        sealing.append(
            Section(
                number: section, stretches: stretches, table: table, unjournaled: unjournaled))
        unjournaled = 0
        if let journal { journals[section] = journal.offset }
        journal = nil
        section += 1
        for slot in table.prune() where Int(slot) < places.count {
            places[Int(slot)] = StoreCore.Place()
        }
    }

    /// The newest value of a series, if it had one in the newest tick of its timeline.
    func latest(_ slot: UInt32) -> Double? {
        guard Int(slot) < places.count else { return nil }
        let place = places[Int(slot)]
        guard place.section >= 0, place.timeline < timelines.count else { return nil }
        let timeline = timelines[place.timeline]
        if !timeline.stretch.times.isEmpty {
            guard place.section == section else { return nil }
            return timeline.stretch.recent.latest(Int(place.column))
        }
        guard place.section == timeline.carriedSection else { return nil }
        return timeline.carried?[Int(place.column)]
    }
}
