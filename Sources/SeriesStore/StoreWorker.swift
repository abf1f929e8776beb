// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model
import Synchronization
import SystemPackage

/// The thread that brings samples to the disk: syncs the journal, seals sections, applies
/// retention. It holds no lock that an append or a query waits for while it waits for the disk.
enum StoreWorker {
    /// Starts the thread; `finished` is woken when it has ended, after a last sync.
    static func start(_ core: StoreCore, finished: Wakeup) {
        // Given up before `finished` is woken: the core closes its files with its last owner, and
        // whoever waits may open them again at once.
        let owned = Mutex<StoreCore?>(core)
        BlockingThread.start("series-store") {
            if let core = owned.withLock({ $0.take() }) { run(core) }
            finished.wake()
        }
    }

    private static func run(_ core: StoreCore) {
        let interval = core.options.syncInterval
        let period = interval > 0 ? min(interval, 5000) : 5000
        while !core.isStopping.load(ordering: .acquiring) {
            _ = core.wakeup.wait(milliseconds: period)
            core.work()
        }
        core.syncJournal()
    }
}

extension StoreCore {
    /// Sections in memory that wait for the disk.
    static let maxSections = 3
    /// A section ends when it is so long, whatever the number of ticks.
    static let bucketSpan: Milliseconds = 3_600_000

    /// Does what there is to do.
    func work() {
        syncJournal()
        watchDisk()
        measure()
        mergePacks()
        do {
            try keepLimits()
            while try sealOldest() {}
            while try buildTier() {}
        } catch { count(error) }
        measure()
    }

    /// Waits until the journal is on the disk, without holding up appends.
    func syncJournal() {
        let dirty = state.withLock { state -> (JournalFile, Int64)? in
            guard let journal = state.journal, journal.isDirty else { return nil }
            return (journal.file, journal.offset)
        }
        guard let (file, length) = dirty else { return }
        do {
            try file.sync()
            state.withLock { state in
                if state.journal?.file.number == file.number { state.journal?.synced(length) }
            }
        } catch {
            state.withLock { $0.fail("cannot sync \(file.path): \(error)") }
        }
    }

    /// Moves the oldest samples that are complete into the database; false when there are none.
    func sealOldest() throws(StoreError) -> Bool {
        // What memory had no room for is older than what it has.
        if try sealSpilled() { return true }
        return try sealNext()
    }

    /// Moves the oldest complete section in memory into the database; false when there is none.
    func sealNext() throws(StoreError) -> Bool {
        try writer.withLock { writer throws(StoreError) in
            let next = state.withLock { state in
                state.beingSealed = state.sealing.first?.number
                return state.sealing.first
            }
            guard let section = next else { return false }
            defer { state.withLock { $0.beingSealed = nil } }
            let table = try seal(section, writer.database)
            state.withLock { state in
                state.sealing.removeAll { $0.number == section.number }
                state.spilled.removeAll { $0 == section.number }
                state.table.takeIDs(from: table)
            }
            finish(section.number, isDamaged: section.isDamaged)
            return true
        }
    }

    /// Moves the oldest journal that memory had no room for into the database.
    func sealSpilled() throws(StoreError) -> Bool {
        try writer.withLock { writer throws(StoreError) in
            guard let number = state.withLock({ $0.spilled.first }) else { return false }
            var table = SeriesTable()
            switch Replay.section(number, directory, &table) {
            case .section(let section, let damaged):
                _ = try seal(section, writer.database)
                state.withLock { $0.statistics.quarantined += damaged }
                finish(number, isDamaged: damaged > 0)
            case .empty(let damaged):
                state.withLock { $0.statistics.quarantined += damaged }
                finish(number, isDamaged: damaged > 0)
            case .unreadable(let reason): state.withLock { $0.fail(reason) }
            }
            state.withLock { $0.spilled.removeAll { $0 == number } }
            return true
        }
    }

    /// Deletes a journal whose samples are in the database.
    private func finish(_ number: Int64, isDamaged: Bool) {
        Replay.finish(number, directory, isDamaged: isDamaged)
        measure()
        state.withLock { $0.journals[number] = nil }
        isTierDue.store(true, ordering: .releasing)
    }

    private func seal(_ section: Section, _ database: Database) throws(StoreError) -> SeriesTable {
        guard try makeRoom(for: section.databaseBytes, latest: section.last, database) else {
            // It takes more than everything may: of the oldest that goes first, it is all.
            state.withLock { $0.statistics.expiredBySize += section.samples }
            return section.table
        }
        watchDisk()
        guard try hasRoom(for: section.databaseBytes, database) else {
            throw .noRoom(path: directory)
        }
        let (table, left) = try Sealer.seal(section, worth: leastWorth, in: database)
        if left > 0 { state.withLock { $0.statistics.leftOut += left } }
        try database.checkpoint()
        return table
    }
}
