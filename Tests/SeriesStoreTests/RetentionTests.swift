// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import SeriesStore
import Synchronization
import TestSupport
import Testing

/// Looks at a directory all the time, and keeps the largest sum of its files' sizes.
private final class DirectoryWatch: Sendable {
    private let path: String
    private let largest = Atomic<Int64>(0)
    private let looks = Atomic<Int>(0)
    private let isDone = Atomic<Bool>(false)

    init(_ path: String) {
        self.path = path
        Thread { [self] in
            while !isDone.load(ordering: .acquiring) {
                let sizes = sizes()
                // A file that changes between two looks may be counted at its old and a new place.
                guard sizes == self.sizes() else { continue }
                looks.add(1, ordering: .relaxed)
                let sum = sizes.values.reduce(0, +)
                if sum > largest.load(ordering: .relaxed) { largest.store(sum, ordering: .relaxed) }
            }
        }.start()
    }

    private func sizes() -> [String: Int64] {
        var sizes: [String: Int64] = [:]
        guard let stream = opendir(path) else { return sizes }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            if name != ".", name != "..", stat(path + "/" + name, &status) == 0 {
                sizes[name] = Int64(status.st_size)
            }
        }
        return sizes
    }

    /// Ends watching; the largest sum seen, and how often it was looked.
    func finish() -> (largest: Int64, looks: Int) {
        isDone.store(true, ordering: .releasing)
        return (largest.load(ordering: .relaxed), looks.load(ordering: .relaxed))
    }
}

@Suite("Retention")
struct RetentionTests {
    private let directory: TemporaryDirectory
    private let metric = MetricDescriptor("noise", .gauge, help: "Noise.")

    init() throws { directory = try TemporaryDirectory("retention") }

    /// Appends noise to `series` series, whose names change every `generation` ticks.
    private func noise(
        _ store: SeriesStore, series count: Int = 40, ticks: Range<Int>, generation: Int = .max
    ) throws -> AppendOutcome {
        var total = AppendOutcome()
        var targets: [TargetRef] = []
        var series: [SeriesRef] = []
        for tick in ticks {
            if targets.isEmpty || tick % generation == 0 {
                for target in targets { store.retire(target) }
                targets = try (0..<count).map {
                    try store.target(["n": "\($0)", "generation": "\(tick / generation)"])
                }
                series = try targets.map { try store.series(metric, target: $0) }
            }
            var batch = Batch(timestamp: Milliseconds(tick) * 1000)
            for (i, one) in series.enumerated() {
                let bits = UInt64(tick &* 40 &+ i) &* 0x9e37_79b9_7f4a_7c15
                batch.append(one, Double(bits >> 11) * 0x1p-53)
            }
            let outcome = store.append(batch)
            total.accepted += outcome.accepted
            total.dropped += outcome.dropped
        }
        return total
    }

    @Test("No file, log or journal takes the directory over the limit while samples come in")
    func byteCap() throws {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 300
        options.maxBytes = 2 << 20
        options.syncInterval = 20
        let watch = DirectoryWatch(directory.path)
        let store = try SeriesStore.open(directory: directory.path, options: options)
        // Twice what there is room for, and names that come and go.
        let ticks = 12_000
        let outcome = try noise(store, ticks: 0..<ticks, generation: 1000)
        try store.flush()
        let seen = watch.finish()
        #expect(seen.largest <= options.maxBytes)
        #expect(seen.largest > 1 << 20 && seen.looks > 100)
        let statistics = store.statistics()
        #expect(statistics.expiredBySize > 0 && statistics.expiredByAge == 0)
        let left = try store.points().values.flatMap { $0 }
        #expect(
            left.count + statistics.expiredBySize + outcome.dropped == outcome.accepted,
            "whatever is gone was counted")
        #expect(left.map(\.time).max() == Milliseconds(ticks - 1) * 1000)
        #expect(left.count > 40 * 1000)
        #expect(try StoreMaintenance.verify(directory: directory.path).isSound)
    }

    @Test("A lower limit than before is kept to, and files set aside go before samples")
    func lowered() throws {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 300
        do {
            let store = try SeriesStore.open(directory: directory.path, options: options)
            _ = try noise(store, ticks: 0..<9000)
            try store.flush()
        }
        try directory.write(
            String(repeating: "x", count: 1 << 20), to: "metrics.db.damaged-1700000000")
        options.maxBytes = 2 << 20
        let store = try SeriesStore.open(directory: directory.path, options: options)
        try store.flush()
        let usage = store.statistics()
        #expect(usage.otherBytes == 0)
        #expect(
            usage.databaseBytes + usage.walBytes + usage.sharedMemoryBytes + usage.journalBytes
                <= options.maxBytes)
        let left = try store.points().values.flatMap { $0 }
        #expect(left.map(\.time).max() == 8_999_000)
        #expect(left.count + usage.expiredBySize == 40 * 9000)
    }

    @Test("With less room than the newest samples take, they are kept in memory and counted")
    func tooSmall() throws {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 300
        options.maxBytes = 200_000
        options.syncInterval = 20
        let watch = DirectoryWatch(directory.path)
        let store = try SeriesStore.open(directory: directory.path, options: options)
        let outcome = try noise(store, ticks: 0..<3000)
        #expect(watch.finish().largest <= 300_000)
        #expect(store.statistics().unjournaled > 0)
        #expect(store.statistics().lastError?.contains("store.max_size") == true)
        let left = try store.everyValue().count
        #expect(left >= 40 * 300)
        #expect(left + outcome.dropped + store.statistics().expiredBySize == outcome.accepted)
    }

    @Test("What is older than the retention goes, with its names")
    func retention() throws {
        var options = SeriesStore.Options()
        options.retention = 1_000_000
        options.ticksPerBucket = 100
        let store = try SeriesStore.open(directory: directory.path, options: options)
        try store.fill(series: 2, ticks: 1..<101, from: 0)
        let old = MetricDescriptor("old", .gauge, help: "Old.")
        _ = try store.backfill([
            BackfillSeries(
                descriptor: old, sampleName: "old", labels: ["x": "y"], timestamps: [5000],
                values: [1])
        ])
        #expect(try store.points().count == 3)
        try store.fill(series: 2, ticks: 5000..<5201, from: 0)
        try store.flush()
        let points = try store.points()
        #expect(points.count == 2)
        #expect(points.values.allSatisfy { ($0.first?.time ?? 0) >= 4_000_000 })
        #expect(try StoreMaintenance.usage(directory: directory.path).series == 2)
        // The series that live on are found again by their names after a restart.
        #expect(try store.everyValue().count == 2 * 201)
    }

    @Test("A clock that jumps ahead does not make everything too old")
    func jump() throws {
        var options = SeriesStore.Options()
        options.retention = 1_000_000
        options.ticksPerBucket = 100
        let store = try SeriesStore.open(directory: directory.path, options: options)
        try store.fill(series: 2, ticks: 0..<500, from: 0)
        try store.flush()
        // Fifty years later, for a minute and a half.
        try store.fill(series: 2, ticks: 0..<100, from: 1_576_800_000_000)
        try store.fill(series: 2, ticks: 500..<601, from: 0)
        try store.flush()
        #expect(try store.points().values.allSatisfy { $0.count == 701 })
        #expect(store.statistics().expiredByAge == 0)
        // It was no mistake.
        for start in [100, 200, 300] {
            try store.fill(series: 2, ticks: start..<(start + 100), from: 1_576_800_000_000)
            try store.seal()
        }
        #expect(try store.points().values.allSatisfy { $0.count == 400 })
        #expect(store.statistics().expiredByAge == 2 * 601)
    }
}
