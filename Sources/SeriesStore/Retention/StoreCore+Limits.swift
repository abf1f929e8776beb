// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// How the store keeps all its files within `maxBytes`, at every instant.
///
/// The worker says what the database and its write-ahead log take, or are about to take, in
/// `claimed` before it writes them. An append writes to the journal only while that and all
/// journals together stay below the limit; what does not fit is kept in memory and counted, until
/// the worker has made room.
extension StoreCore {
    /// Bytes of journal after which a section ends, whatever its age: several have to fit beside
    /// the database.
    var sectionBytes: Int64 { max(256 << 10, options.maxBytes / 16) }

    /// Bytes that the current journal may grow to.
    func journalLimit(besides others: Int64) -> Int64 {
        options.maxBytes - claimed.load(ordering: .acquiring) - others
            - received.bytes.load(ordering: .relaxed)
    }

    /// Looks at what the files take and says so.
    func measure() {
        let usage = DiskUsage(of: directory)
        // The write-ahead log's index appears and grows with the next transaction.
        claim(usage.withoutJournals + max(0, Self.sharedMemory - usage.sharedMemory))
    }

    /// Says what everything but the journals takes or is about to take. An append that is under way
    /// has written its frame when this returns.
    private func claim(_ bytes: Int64) {
        state.withLock { _ in claimed.store(bytes, ordering: .releasing) }
    }

    /// What the write-ahead log's index takes, at least.
    private static let sharedMemory: Int64 = 64 << 10

    /// Deletes the oldest while everything together is too much.
    func keepLimits() throws(StoreError) {
        try writer.withLock { writer throws(StoreError) in
            _ = try makeRoom(for: 0, latest: nil, writer.database)
        }
    }

    /// Builds the oldest bucket of coarser samples that is due; false when none is, or the file
    /// system has no room for it.
    func buildTier() throws(StoreError) -> Bool {
        guard isTierDue.load(ordering: .acquiring) else { return false }
        return try writer.withLock { writer throws(StoreError) in
            let builder = TierBuilder(writer.database, options)
            guard let (start, tiers) = try builder.next() else {
                isTierDue.store(false, ordering: .releasing)
                return false
            }
            let growth = try builder.estimate()
            guard try hasRoom(for: growth, writer.database),
                try makeRoom(for: growth, latest: nil, writer.database)
            else { return false }
            try builder.build(start, tiers)
            try writer.database.checkpoint()
            return true
        }
    }

    /// Deletes what is older than the retention before `latest`, and the oldest until `growth` bytes
    /// fit into the database, within `maxBytes` and even while they are written to the write-ahead
    /// log and from there to the file; false when no deletion is enough for that.
    func makeRoom(
        for growth: Int64, latest: Milliseconds?, _ database: Database
    ) throws(StoreError) -> Bool {
        // Every page that is new or changed is in the write-ahead log once, with a header.
        let log = growth + growth / 8 + (256 << 10)
        let before = DiskUsage(of: directory)
        let sharedMemory = max(before.sharedMemory, Self.sharedMemory)
        let fixed = log + before.wal + sharedMemory + before.others
        claim(before.database + fixed)
        // Journals go on to grow meanwhile.
        let journals = DiskUsage(of: directory).journals
        let limit = options.maxBytes - journals - journals / 8 - (64 << 10) - fixed
        let discarded = discardOthers(max(before.database, growth) - limit)
        var retention = Retention(database)
        if let latest {
            let due = try TierBuilder(database, options).next()?.start ?? .max
            try retention.expire(.raw, options.retention, before: latest, keepingFrom: due)
            try retention.limitSeries(to: options.maxStoredSeries)
            for (tier, time) in options.tiers { try retention.expire(tier, time, before: latest) }
        }
        let isEnough = try retention.makeRoom(for: growth, limit: limit + discarded)
        note(retention.outcome)
        let file = max(Files.size(path), try database.usedBytes() + (isEnough ? growth : 0))
        claim(file + fixed - discarded)
        return isEnough
    }

    private func note(_ outcome: Retention.Outcome) {
        guard !outcome.isEmpty else { return }
        // Before another row can get one of these ids.
        reader.withLock { $0.forget(targets: outcome.targets) }
        state.withLock { state in
            state.table.forgetIDs(ofTargets: outcome.targets)
            state.statistics.expiredByAge += outcome.samplesByAge
            state.statistics.expiredBySize += outcome.samplesBySize
            state.statistics.expiredBySeries += outcome.samplesBySeries
        }
    }

    /// Deletes files that were set aside, oldest first, until `excess` bytes are gone; gives how
    /// many are.
    private func discardOthers(_ excess: Int64) -> Int64 {
        guard excess > 0 else { return 0 }
        // Their names end with the time.
        let names = Files.names(in: directory)
            .filter { StoreMaintenance.isLeftover($0) }
            .sorted {
                ($0.split(separator: "-").last ?? "") < ($1.split(separator: "-").last ?? "")
            }
        var gone: Int64 = 0
        for name in names where gone < excess {
            gone += Files.size(directory + "/" + name)
            Files.remove(directory + "/" + name)
        }
        return gone
    }
}
