// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Model
import SeriesStore
import TestSupport
import Testing

/// A file system of a few megabytes. Mounting needs root in a namespace that may.
private final class SmallDisk {
    let mount: String
    var path: String { mount + "/series" }
    private let directory: TemporaryDirectory

    init?() throws {
        directory = try TemporaryDirectory("pressure")
        mount = directory.appending("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        guard Glibc.mount("tmpfs", mount, "tmpfs", 0, "size=8m") == 0 else { return nil }
    }

    deinit { umount2(mount, Int32(MNT_DETACH)) }

    /// Leaves `free` bytes of the file system.
    func fill(leaving free: Int) {
        unlink(mount + "/ballast")
        var status = statvfs()
        statvfs(mount, &status)
        let room = Int(status.f_bavail) * Int(status.f_frsize)
        let file = open(mount + "/ballast", O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 4096)
        for _ in 0..<max(0, room - free) / 4096 where write(file, block, block.count) < 0 { return }
    }
}

@Suite("A file system with little room")
struct PressureTests {
    private var options: SeriesStore.Options {
        var options = SeriesStore.Options()
        options.ticksPerBucket = 50
        options.syncInterval = 20
        options.minFree = 400_000
        return options
    }

    /// A tick of a metric of each worth.
    private func tick(_ store: SeriesStore, _ number: Int) throws {
        var batch = Batch(timestamp: Milliseconds(number) * 1000)
        for name in [
            "container_memory_mapped_file", "container_memory_usage_bytes", "ullage_headroom_ratio",
        ] {
            let metric = MetricDescriptor(name, .gauge, help: "A test.")
            for i in 0..<20 {
                let series = try store.series(metric, target: try store.target(["id": "\(i)"]))
                batch.append(series, Double(number &* 7919 % 1009) / 8)
            }
        }
        #expect(store.append(batch).accepted == 60)
    }

    /// Samples of the metrics of each worth, the least first.
    private func counts(_ store: SeriesStore) throws -> [Int] {
        var counts: [String: Int] = [:]
        for (labels, points) in try store.points() {
            counts[labels["__name__"], default: 0] += points.count
        }
        return counts.sorted { $0.key < $1.key }.map(\.value)
    }

    private func settled(_ store: SeriesStore, at pressure: Int) -> Bool {
        eventually(within: 5) { store.statistics().pressure == pressure }
    }

    @Test("Detail goes first, then what is basic; all is still served, and recovery is by itself")
    func order() throws {
        guard let disk = try SmallDisk() else { return }
        let store = try SeriesStore.open(directory: disk.path, options: options)
        for number in 0..<10 { try tick(store, number) }
        #expect(store.statistics().unjournaled == 0)
        disk.fill(leaving: 300_000)
        #expect(settled(store, at: 1))
        for number in 10..<20 { try tick(store, number) }
        #expect(store.statistics().withheld == 10 * 20)
        disk.fill(leaving: 150_000)
        #expect(settled(store, at: 2))
        for number in 20..<30 { try tick(store, number) }
        #expect(store.statistics().withheld == 10 * 20 + 10 * 40)
        // Queries and rules see everything.
        #expect(try counts(store) == [600, 600, 600])
        disk.fill(leaving: 4 << 20)
        #expect(settled(store, at: 0))
        for number in 30..<40 { try tick(store, number) }
        #expect(store.statistics().withheld == 600)
        try store.seal()
        #expect(try counts(store) == [800, 800, 800])
        #expect(store.statistics().leftOut == 0)
    }

    @Test("A crash while the disk is full loses what was withheld, and nothing that was written")
    func crash() throws {
        guard let disk = try SmallDisk() else { return }
        let copy = try TemporaryDirectory("pressure-copy")
        let store = try SeriesStore.open(directory: disk.path, options: options)
        for number in 0..<10 { try tick(store, number) }
        disk.fill(leaving: 150_000)
        #expect(settled(store, at: 2))
        for number in 10..<20 { try tick(store, number) }
        // What another process would find after a kill.
        _ = try StoreMaintenance.backup(directory: disk.path, to: copy.path)
        #expect(try counts(try SeriesStore.open(directory: copy.path)) == [200, 200, 400])
    }

    @Test("A disk that stays full costs detail, not the essential; what is left out is counted")
    func long() throws {
        guard let disk = try SmallDisk() else { return }
        let store = try SeriesStore.open(directory: disk.path, options: options)
        for number in 0..<10 { try tick(store, number) }
        try store.seal()
        // Room to seal, and less than half of what should be free.
        disk.fill(leaving: 195_000)
        #expect(settled(store, at: 2))
        for number in 10..<60 { try tick(store, number) }
        try store.seal()
        #expect(store.statistics().leftOut == 50 * 40)
        #expect(try counts(store) == [200, 200, 1200])
    }

    @Test("At every size of a full disk, what was acknowledged is there after a restart")
    func everyWrite() throws {
        guard let disk = try SmallDisk() else { return }
        for free in stride(from: 0, through: 400_000, by: 24_576) {
            var acknowledged = 0
            do {
                let store = try SeriesStore.open(directory: disk.path, options: options)
                for number in 0..<5 { try tick(store, number) }
                disk.fill(leaving: free)
                for number in 5..<120 { try tick(store, number) }
                try? store.flush()
                acknowledged = 120 * 60 - store.statistics().unjournaled
                #expect(try counts(store).reduce(0, +) >= acknowledged)
            }
            // Opening takes room too: for the index of the write-ahead log.
            disk.fill(leaving: 4 << 20)
            do {
                let again = try SeriesStore.open(directory: disk.path, options: options)
                #expect(try counts(again).reduce(0, +) >= acknowledged, "\(free) bytes free")
                try again.flush()
                #expect(again.statistics().quarantined == 0)
            }
            #expect(try StoreMaintenance.verify(directory: disk.path).isSound)
            unlink(disk.mount + "/ballast")
            try FileManager.default.removeItem(atPath: disk.path)
        }
    }
}
