// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Model
import TestSupport
import Testing

@testable import SeriesStore

@Suite("Journal")
struct JournalTests {
    private let directory: TemporaryDirectory
    private var live: String { directory.appending("live") }

    init() throws { directory = try TemporaryDirectory("journal") }

    /// What a crash leaves: the files as they are while the store is open.
    private func crash(_ name: String) throws -> String {
        let copy = directory.appending(name)
        try FileManager.default.copyItem(atPath: live, toPath: copy)
        return copy
    }

    private func journal(_ path: String) throws -> [UInt8] {
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        let name = try #require(names.first { $0.hasPrefix("journal-") })
        return Array(try Data(contentsOf: URL(filePath: path + "/" + name)))
    }

    /// Every sample of a journal's bytes.
    private func samples(_ bytes: [UInt8]) -> (
        points: [Labels: [Point]], result: JournalReader.Result
    ) {
        var table = SeriesTable()
        let result = JournalReader.read(bytes, into: &table)
        var points: [Labels: [Point]] = [:]
        for (_, stretch) in result.stretches {
            for (column, slot) in stretch.columns.enumerated() where slot != SeriesTable.none {
                var samples = ColumnSamples()
                let codec = ValueCodec()
                stretch.snapshot(column).read(into: &samples, codec)
                let times = samples.runs.flatMap {
                    stretch.times[$0.first..<($0.first + $0.count)]
                }
                points[table.labels(of: slot)] = zip(times, samples.values).map(Point.init)
            }
        }
        return (points, result)
    }

    /// A journal with gaps, series that begin late, several timelines and awkward values.
    private func awkward(ticks: Int) throws -> [UInt8] {
        let store = try SeriesStore.open(directory: live)
        let metric = MetricDescriptor("a_total", .counter, unit: "x", help: "A.")
        let other = MetricDescriptor("b", .histogram, help: "B.")
        let target = try store.target(["id": "one", "name": "é\n"])
        let first = try store.series(metric, target: target)
        let second = try store.series(
            other, sampleName: "b_bucket", target: target, labels: ["le": "0.5"])
        for tick in 0..<ticks {
            var batch = Batch(timestamp: Milliseconds(tick) * 1000)
            batch.append(first, Double(tick) / 100)
            if tick % 7 != 3 {
                batch.append(second, tick % 11 == 0 ? .nan : tick % 13 == 0 ? -.infinity : 0.1)
            }
            if tick >= 5 {
                let late = try store.series(
                    metric, target: try store.target(["id": "late\(tick / 50)"]))
                batch.append(late, Double(bitPattern: UInt64(tick) &* 0x9e37_79b9_7f4a_7c15))
            }
            #expect(store.append(batch).accepted == batch.series.count)
            if tick % 10 == 0 {
                var scrape = Batch(timestamp: Milliseconds(tick) * 1000 + 17, timeline: 3)
                let target = try store.target(["job": "scrape"])
                scrape.append(try store.series(metric, target: target), Double(tick))
                #expect(store.append(scrape).accepted == 1)
            }
        }
        return try journal(live)
    }

    @Test("Cut off at any byte, a journal gives all whole ticks before, and no damage")
    func truncation() throws {
        let bytes = try awkward(ticks: 40)
        let whole = samples(bytes)
        #expect(whole.result.damaged == 0)
        #expect(whole.points.values.reduce(0) { $0 + $1.count } > 90)
        var most = 0
        for length in 0..<bytes.count {
            let (points, result) = samples(Array(bytes[..<length]))
            #expect(result.damaged == 0, "cut at \(length)")
            var count = 0
            for (labels, found) in points {
                let all = whole.points[labels] ?? []
                #expect(found.map(\.time) == all.prefix(found.count).map(\.time))
                #expect(
                    found.map(\.value.bitPattern)
                        == all.prefix(found.count).map(\.value.bitPattern))
                count += found.count
            }
            #expect(count >= most, "cut at \(length)")
            most = count
        }
    }

    @Test("A changed byte anywhere costs at most the ticks to the next key, and no wrong value")
    func flips() throws {
        let bytes = try awkward(ticks: 300)
        let whole = samples(bytes)
        let total = whole.points.values.reduce(0) { $0 + $1.count }
        for place in bytes.indices where place < 600 || place % 17 == 0 {
            var changed = bytes
            changed[place] ^= 1 << UInt8(place % 8)
            let (points, result) = samples(changed)
            var count = 0
            for (labels, found) in points {
                var all: [Milliseconds: UInt64] = [:]
                for point in whole.points[labels] ?? [] { all[point.time] = point.value.bitPattern }
                for point in found {
                    #expect(all[point.time] == point.value.bitPattern, "byte \(place)")
                }
                count += found.count
            }
            // Names that were lost come again with the next key, so damage may cost nothing.
            #expect(count <= total, "byte \(place)")
            #expect(count >= total - 4 * 130, "byte \(place): \(count) of \(total)")
            #expect(result.damaged <= 2)
        }
    }

    @Test("Random bytes are no journal")
    func garbage() {
        var state: UInt64 = 88
        for length in 0..<300 {
            let bytes = (0..<length).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            #expect(samples(bytes).points.isEmpty)
        }
    }

    @Test("After a crash at any tick nothing is missing, and sampling goes on")
    func crashes() throws {
        let store = try SeriesStore.open(directory: live)
        for (index, ticks) in [0..<1, 1..<40, 40..<599, 599..<601, 601..<700].enumerated() {
            try store.fill(series: 3, ticks: ticks)
            let copy = try crash("copy\(index)")
            let again = try SeriesStore.open(directory: copy)
            #expect(try again.points() == store.points(), "after tick \(ticks.upperBound)")
            try again.fill(series: 3, ticks: ticks.upperBound..<(ticks.upperBound + 5))
            #expect(try again.everyValue().count == 3 * (ticks.upperBound + 5))
            try again.seal()
            #expect(try again.everyValue().count == 3 * (ticks.upperBound + 5))
            #expect(try StoreMaintenance.verify(directory: copy).isSound)
            #expect(again.statistics().quarantined == 0)
        }
    }

    @Test("A damaged journal is kept, counted, and the rest of it served and sealed")
    func quarantine() throws {
        do {
            let store = try SeriesStore.open(directory: live)
            try store.fill(series: 2, ticks: 0..<300)
        }
        let path = live + "/journal-1"
        var bytes = try journal(live)
        bytes[bytes.count / 2] ^= 4
        try Data(bytes).write(to: URL(filePath: path))
        let verification = try StoreMaintenance.verify(directory: live)
        #expect(verification.damage.count == 1)
        let store = try SeriesStore.open(directory: live)
        #expect(store.statistics().quarantined == 1)
        let left = try store.everyValue().count
        #expect(left >= 2 * (300 - 129) && left < 600)
        try store.flush()
        #expect(try store.everyValue().count == left)
        let usage = try StoreMaintenance.usage(directory: live)
        #expect(usage.leftovers.contains { $0.name.hasPrefix("journal-1.damaged-") })
        #expect(try StoreMaintenance.verify(directory: live).isSound)
    }

    @Test("Ticks of the version before, whose residuals knew no columns, are read")
    func older() {
        // A key with 100 and 2000, then two ticks of differences.
        var ticks: [[UInt8]] = [[1 | 1 << 1]]
        Varint.appendSigned(1000, to: &ticks[0])
        ticks[0] += [2, 2]
        for (step, whole) in [(0, 100), (1, 2000)] as [(UInt8, Int64)] {
            ticks[0] += [step, 0]
            Varint.appendSigned(whole, to: &ticks[0])
        }
        for (time, differences) in [(2000, [3, -70]), (3000, [0, 900])] as [(Int64, [Int64])] {
            var tick: [UInt8] = [1 << 1]
            Varint.appendSigned(time, to: &tick)
            tick += [2, 0]
            var packed = [UInt8](repeating: 0, count: RiceCodec.bound(2))
            let count = packed.withUnsafeMutableBufferPointer { packed in
                differences.withUnsafeBufferPointer { differences in
                    packed.baseAddress.map { RiceCodec.encode(differences, to: $0) } ?? 0
                }
            }
            ticks.append(tick + packed[..<count])
        }
        var codec = TickCodec()
        let read = ticks.map { tick -> [Double] in
            var values: [Double] = [0, 0]
            var bits: [UInt64] = [0]
            tick.withUnsafeBytes { tick in
                var at = 0
                guard let header = codec.decodeHeader(tick, at: &at) else { return }
                values.withUnsafeMutableBufferPointer { values in
                    bits.withUnsafeMutableBufferPointer { bits in
                        _ = codec.decodeColumns(header, tick, at: &at, into: values, bits)
                    }
                }
            }
            return values
        }
        #expect(read == [[100, 2000], [103, 1930], [103, 2830]])
    }

    @Test("A journal of a newer version is left alone")
    func newer() throws {
        do {
            let store = try SeriesStore.open(directory: live)
            try store.fill(series: 1, ticks: 0..<3)
        }
        var frame: [UInt8] = []
        let start = JournalFrame.begin(&frame)
        frame += [JournalFrame.Kind.header] + Array("ULGJ".utf8) + [99]
        JournalFrame.end(&frame, start: start)
        try Data(frame + [1, 2, 3]).write(to: URL(filePath: live + "/journal-1"))
        let store = try SeriesStore.open(directory: live)
        #expect(store.statistics().lastError?.contains("newer version") == true)
        try store.fill(series: 1, ticks: 10..<12)
        try store.seal()
        #expect(contents(live + "/journal-1") != nil)
        #expect(try store.everyValue().count == 2)
    }
}
