// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Store maintenance")
struct MaintenanceTests {
    private let directory: TemporaryDirectory
    private var live: String { directory.appending("live") }
    private var copy: String { directory.appending("copy") }

    init() throws { directory = try TemporaryDirectory("maintenance") }

    private func makeStore(ticks: Int = 1300) throws {
        let store = try SeriesStore.open(directory: live)
        try store.fill(series: 3, ticks: 0..<ticks)
        try store.flush()
    }

    private func changeSegment(_ row: Int) {
        let raw = RawDatabase(live + "/metrics.db")
        let place = "(SELECT id FROM segment ORDER BY id LIMIT 1 OFFSET \(row))"
        var bytes = raw.blob("SELECT data FROM segment WHERE id = \(place)")
        bytes[bytes.count / 2] ^= 0x10
        raw.run("UPDATE segment SET data = ? WHERE id = \(place)", bytes)
    }

    @Test("Usage accounts for files, tiers and metrics")
    func usage() throws {
        try makeStore()
        let usage = try StoreMaintenance.usage(directory: live)
        #expect(usage.databaseBytes > 0)
        #expect(usage.availableBytes > 0)
        #expect(usage.series == 3 && usage.targets == 3)
        #expect(usage.metrics.map(\.name) == ["test_total"])
        #expect(usage.metrics.first?.series == 3)
        #expect(usage.tiers.first?.name == "raw")
        #expect(usage.tiers.first?.oldest == 1_000_000)
        #expect((usage.tiers.first?.samples ?? 0) >= 3 * 1200)
        #expect(usage.totalBytes >= usage.databaseBytes)
    }

    @Test("A whole store is found sound; usage and verify run beside an open store")
    func sound() throws {
        let store = try SeriesStore.open(directory: live)
        try store.fill(series: 3, ticks: 0..<1300)
        try store.flush()
        let report = try StoreMaintenance.verify(directory: live)
        #expect(report.isSound, "\(report.damage)")
        #expect(report.segments > 0 && report.samples == 3 * 1300 && report.journalFrames >= 100)
        #expect(try store.everyValue().count == 3 * 1300)
    }

    @Test("A damaged segment is found, set aside by repair, and the rest is served")
    func repairSegment() throws {
        try makeStore()
        changeSegment(0)
        let found = try StoreMaintenance.verify(directory: live)
        #expect(found.damage.count == 1)
        let repair = try StoreMaintenance.repair(directory: live)
        #expect(repair.quarantined.count == 1 && repair.keptAs == nil && repair.lostSamples > 0)
        #expect(try StoreMaintenance.verify(directory: live).isSound)
        #expect(try StoreMaintenance.usage(directory: live).quarantinedSegments == 1)
        let store = try SeriesStore.open(directory: live)
        #expect(try store.everyValue().count == 3 * 1300 - repair.lostSamples)
        #expect(store.statistics().damagedReads == 0)
    }

    @Test("A damaged journal's readable samples move into the database; it is kept")
    func repairJournal() throws {
        try makeStore(ticks: 300)
        let path = live + "/journal-1"
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 0x10
        try bytes.write(to: URL(filePath: path))
        #expect(try StoreMaintenance.verify(directory: live).damage.count == 1)
        let repair = try StoreMaintenance.repair(directory: live)
        #expect(repair.isNeeded && repair.journals.count == 1)
        #expect(FileManager.default.fileExists(atPath: repair.journals.first ?? ""))
        #expect(try StoreMaintenance.verify(directory: live).isSound)
        #expect(try SeriesStore.open(directory: live).everyValue().count >= 3 * 170)
        #expect(try !StoreMaintenance.repair(directory: live).isNeeded)
    }

    @Test("A database with damaged pages is written anew from what can be read")
    func rebuild() throws {
        try makeStore(ticks: 30_000)
        let file = live + "/metrics.db"
        for ending in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: file + ending)
        }
        var bytes = try Data(contentsOf: URL(filePath: file))
        let page = 4096
        #expect(bytes.count > 20 * page)
        // Not the first pages, which hold the schema and the names.
        let middle = bytes.count / page * 2 / 3
        for at in (middle * page)..<((middle + 1) * page) { bytes[at] = UInt8(at & 0xff) }
        try bytes.write(to: URL(filePath: file))
        #expect(try !StoreMaintenance.verify(directory: live).isSound)
        let repair = try StoreMaintenance.repair(directory: live)
        let kept = try #require(repair.keptAs)
        #expect(FileManager.default.fileExists(atPath: kept))
        #expect(repair.rescuedSegments > 10)
        #expect(try StoreMaintenance.verify(directory: live).isSound)
        let store = try SeriesStore.open(directory: live)
        #expect(try store.everyValue().count > 3 * 30_000 / 4)
        let usage = try StoreMaintenance.usage(directory: live)
        #expect(usage.leftovers.contains { kept.hasSuffix($0.name) })
    }

    @Test("Repair and restore refuse while the store is open")
    func inUse() throws {
        let store = try SeriesStore.open(directory: live)
        try store.fill(series: 1, ticks: 0..<200)
        _ = try StoreMaintenance.backup(directory: live, to: copy)
        #expect { try StoreMaintenance.repair(directory: live) } throws: {
            "\($0)".contains("stop the agent")
        }
        #expect { try StoreMaintenance.restore(backup: copy, directory: live) } throws: {
            "\($0)".contains("stop the agent")
        }
        #expect(try store.everyValue().count == 200)
    }

    @Test("A backup of a running store restores to the same samples; the old store is kept")
    func backup() throws {
        do {
            let store = try SeriesStore.open(directory: live)
            try store.fill(series: 3, ticks: 0..<700)
            let report = try StoreMaintenance.backup(directory: live, to: copy)
            #expect(report.bytes > 0 && !report.files.isEmpty)
            try store.fill(series: 3, ticks: 700..<900)
        }
        #expect { try StoreMaintenance.backup(directory: live, to: copy) } throws: {
            "\($0)".contains("not empty")
        }
        let restored = try StoreMaintenance.restore(backup: copy, directory: live)
        #expect(restored.keptAs.count == 2)
        let store = try SeriesStore.open(directory: live)
        #expect(try store.everyValue().count == 3 * 700)
        let elsewhere = directory.appending("new/place")
        #expect(try StoreMaintenance.restore(backup: copy, directory: elsewhere).keptAs.isEmpty)
        #expect(try SeriesStore.open(directory: elsewhere).everyValue().count == 3 * 700)
    }

    @Test("What is no store is refused and left alone")
    func notAStore() throws {
        try directory.write("hello", to: "live/metrics.db")
        #expect(try !StoreMaintenance.verify(directory: live).isSound)
        #expect(throws: StoreError.self) { try StoreMaintenance.usage(directory: live) }
        #expect {
            try StoreMaintenance.repair(directory: live)
        } throws: {
            "\($0)".contains("restore a backup")
        }
        #expect(throws: StoreError.self) {
            try StoreMaintenance.backup(directory: directory.appending("none"), to: copy)
        }
        #expect(contents(live + "/metrics.db") == "hello")
    }
}

@Suite("Backfill")
struct BackfillTests {
    private let directory: TemporaryDirectory
    private let metric = MetricDescriptor("old_total", .counter, help: "Old.")

    init() throws { directory = try TemporaryDirectory("backfill") }

    private func series(_ name: String, _ times: [Milliseconds], _ values: [Double])
        -> BackfillSeries
    {
        BackfillSeries(
            descriptor: metric, sampleName: "old_total", labels: ["name": name],
            timestamps: times, values: values)
    }

    @Test("Samples of the past are stored in any order, once, and survive a restart")
    func past() throws {
        let times = (0..<5000).map { Milliseconds($0) * 15_000 - 1_000_000 }
        let values = (0..<5000).map { Double($0) / 4 }
        do {
            let store = try SeriesStore.open(directory: directory.path)
            let outcome = try store.backfill([
                series("a", times.reversed(), values.reversed()),
                series("b", [10, 20, 10, 30], [1, 2, 3, 4]),
            ])
            #expect(outcome.accepted == 5003 && outcome.duplicate == 1)
            // The same again changes nothing that a query sees.
            _ = try store.backfill([series("b", [20, 25], [9, 5])])
        }
        let store = try SeriesStore.open(directory: directory.path)
        let points = try store.points()
        #expect(points[["__name__": "old_total", "name": "a"]]?.map(\.time) == times)
        #expect(points[["__name__": "old_total", "name": "a"]]?.map(\.value) == values)
        #expect(
            points[["__name__": "old_total", "name": "b"]] == [
                Point(time: 10, value: 1), Point(time: 20, value: 2), Point(time: 25, value: 5),
                Point(time: 30, value: 4),
            ])
        #expect(try StoreMaintenance.verify(directory: directory.path).isSound)
    }

    @Test("Backfilled samples join those that were sampled")
    func joined() throws {
        let store = try SeriesStore.open(directory: directory.path)
        let live = try store.series(metric, target: try store.target(["name": "a"]))
        for tick in 100..<110 as Range<Int64> {
            var batch = Batch(timestamp: tick * 1000)
            batch.append(live, Double(tick))
            _ = store.append(batch)
        }
        let past = (0..<105).map { Milliseconds($0) * 1000 }
        _ = try store.backfill([series("a", past, past.map { Double($0 / 1000) })])
        let points = try store.points()
        #expect(points.count == 1)
        #expect(points.values.first?.map(\.value) == (0..<110).map(Double.init))
    }
}
