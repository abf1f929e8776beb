// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Limits of the store")
struct LimitTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("limits") }

    /// Ticks of 40 series of noise, which take much room.
    private func noise(_ store: SeriesStore, ticks: Range<Int>) throws -> AppendOutcome {
        let metric = MetricDescriptor("noise", .gauge, help: "Noise.")
        let series = try (0..<40).map {
            try store.series(metric, target: try store.target(["n": "\($0)"]))
        }
        var total = AppendOutcome()
        for tick in ticks {
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

    @Test("Containers that come and go leave memory when a bucket ends")
    func churn() throws {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 20
        let store = try SeriesStore.open(directory: directory.path, options: options)
        let metric = MetricDescriptor("short", .gauge, help: "Short.")
        for tick in 0..<400 {
            let target = try store.target(["id": "container-\(tick)"])
            var batch = Batch(timestamp: Milliseconds(tick) * 1000)
            for extra in 0..<5 {
                let labels: Labels = ["device": "d\(extra)-\(tick)"]
                batch.append(
                    try store.series(
                        metric, sampleName: "short", target: target, labels: labels), 1)
            }
            #expect(store.append(batch).accepted == 5)
            store.retire(target)
            #expect(store.statistics().series <= 5 * 21)
        }
        try store.flush()
        #expect(try store.everyValue().count == 2000)
        #expect(try store.points([Matcher("device", .equal, "d3-17")]).count == 1)
    }

    @Test("Containers that come and go do not make the store remember more and more of them")
    func endedSeries() throws {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 20
        options.maxSeries = 110
        let metric = MetricDescriptor("short", .gauge, help: "Short.")
        var ticks = 0
        do {
            let store = try SeriesStore.open(directory: directory.path, options: options)
            for tick in 0..<2000 {
                let target = try store.target(["id": "container-\(tick)"])
                var batch = Batch(timestamp: Milliseconds(tick) * 1000)
                for device in ["a", "b"] {
                    let series = try store.series(
                        metric, target: target, labels: ["device": device])
                    batch.append(series, 1)
                }
                #expect(store.append(batch).accepted == 2)
                store.retire(target)
                ticks += 1
                if ticks % 40 == 0 { try store.flush() }
            }
            try store.seal()
            #expect(try store.points([Matcher("id", .equal, "container-1999")]).count == 2)
            #expect(try store.points([Matcher("id", .equal, "container-3")]).isEmpty)
            let left = try store.everyValue().count
            #expect(left + store.statistics().expiredBySeries == 4000)
            #expect(left >= 1000)
        }
        #expect(try StoreMaintenance.usage(directory: directory.path).series <= 1100 + 40)
    }

    @Test("A series beyond the limit is refused, those known are not")
    func maxSeries() throws {
        var options = SeriesStore.Options()
        options.maxSeries = 2
        let store = try SeriesStore.open(directory: directory.path, options: options)
        try store.fill(series: 2, ticks: 0..<1)
        #expect(throws: StoreError.self) { try store.fill(series: 3, ticks: 1..<2) }
        try store.fill(series: 2, ticks: 2..<3)
        #expect(try store.everyValue().count == 4)
    }

    @Test(
        "On a full disk samples go on in memory and queries too; all is stored when there is room")
    func fullDisk() throws {
        let mount = directory.appending("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        // Mounting needs root in a namespace that may; elsewhere this case says nothing.
        guard Glibc.mount("tmpfs", mount, "tmpfs", 0, "size=3m") == 0 else { return }
        defer { umount2(mount, Int32(MNT_DETACH)) }
        let path = mount + "/series"
        var options = SeriesStore.Options()
        options.ticksPerBucket = 100
        do {
            let store = try SeriesStore.open(directory: path, options: options)
            #expect(try noise(store, ticks: 0..<150).accepted == 40 * 150)
            try store.flush()
            let ballast = mount + "/ballast"
            let file = open(ballast, O_WRONLY | O_CREAT, 0o600)
            let block = [UInt8](repeating: 1, count: 4096)
            while write(file, block, block.count) > 0 {}
            close(file)
            #expect(try noise(store, ticks: 150..<330).accepted == 40 * 180)
            #expect(throws: StoreError.self) { try store.flush() }
            let full = store.statistics()
            #expect(full.errors > 0 && full.unjournaled > 0)
            #expect(full.lastError != nil)
            #expect(try store.everyValue().count == 40 * 330)
            unlink(ballast)
            #expect(try noise(store, ticks: 330..<340).accepted == 40 * 10)
            try store.seal()
            #expect(store.statistics().pendingSections == 0)
        }
        let again = try SeriesStore.open(directory: path, options: options)
        #expect(try again.everyValue().count == 40 * 340)
        #expect(try StoreMaintenance.verify(directory: path).isSound)
    }

    @Test("A disk that stays full costs the oldest samples in memory, counted, and no more memory")
    func fullForLong() throws {
        let mount = directory.appending("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        guard Glibc.mount("tmpfs", mount, "tmpfs", 0, "size=2m") == 0 else { return }
        defer { umount2(mount, Int32(MNT_DETACH)) }
        var options = SeriesStore.Options()
        options.ticksPerBucket = 50
        do {
            let store = try SeriesStore.open(directory: mount + "/series", options: options)
            let file = open(mount + "/ballast", O_WRONLY | O_CREAT, 0o600)
            let block = [UInt8](repeating: 1, count: 4096)
            while write(file, block, block.count) > 0 {}
            close(file)
            let outcome = try noise(store, ticks: 0..<600)
            #expect(outcome.accepted == 40 * 600)
            #expect(outcome.dropped > 40 * 300)
            let left = try store.everyValue().count
            #expect(left > 40 * 100 && left <= 40 * 250)
            unlink(mount + "/ballast")
            try store.seal()
        }
        let again = try SeriesStore.open(directory: mount + "/series", options: options)
        #expect(try again.everyValue().count > 40 * 100)
    }
}
