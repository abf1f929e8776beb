// SPDX-License-Identifier: Apache-2.0

import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Damaged segments")
struct CorruptionTests {
    private let directory: TemporaryDirectory
    private let metric = MetricDescriptor("test_total", .counter, help: "A test.")

    init() throws { directory = try TemporaryDirectory("corruption") }

    @Test("A segment with any byte changed is passed over and counted; the rest is served")
    func everyByte() throws {
        let store = try SeriesStore.open(directory: directory.path)
        let series = try (0..<3).map {
            try store.series(metric, target: try store.target(["a": "\($0)"]))
        }
        for tick in 0..<700 {
            var batch = Batch(timestamp: 1000 + Milliseconds(tick) * 1000)
            for (i, one) in series.enumerated() { batch.append(one, Double(tick * (i + 1))) }
            #expect(store.append(batch).accepted == 3)
        }
        try store.flush()
        #expect(try store.everyValue().count == 2100)
        let raw = RawDatabase(directory.appending("metrics.db"))
        let first = "(SELECT min(rowid) FROM segment)"
        let good = raw.blob("SELECT data FROM segment WHERE rowid = \(first)")
        #expect(good.count > 20)
        let whole = try store.everyValue().count
        for place in good.indices {
            for flip in [UInt8(1), 0x80] {
                var bad = good
                bad[place] ^= flip
                raw.run("UPDATE segment SET data = ? WHERE rowid = \(first)", bad)
                let before = store.statistics().damagedReads
                let left = try store.everyValue().count
                #expect(left < whole && left >= whole - 3 * 600, "byte \(place)")
                #expect(store.statistics().damagedReads == before + 1, "byte \(place)")
            }
        }
        for length in stride(from: 0, to: good.count, by: 3) {
            raw.run("UPDATE segment SET data = ? WHERE rowid = \(first)", Array(good[..<length]))
            #expect(try store.everyValue().count < whole, "cut to \(length)")
        }
        raw.run("UPDATE segment SET data = ? WHERE rowid = \(first)", good)
        #expect(try store.everyValue().count == whole)
    }
}
