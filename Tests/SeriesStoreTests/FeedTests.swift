// SPDX-License-Identifier: Apache-2.0

import Model
import SeriesStore
import TestSupport
import Testing

/// Everything a store took, read back in order, whatever became of it in between.
@Suite("Reading samples in the order they were stored")
struct FeedTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("feed") }

    private func open(ticksPerBucket: Int = 100) throws -> SeriesStore {
        var options = SeriesStore.Options()
        options.ticksPerBucket = ticksPerBucket
        return try SeriesStore.open(directory: directory.appending("series"), options: options)
    }

    private static let metric = MetricDescriptor("m_total", .counter, help: "A test.")

    /// Appends ticks `numbers` of `count` series; series 1 is absent from every tick that
    /// `gaps` has.
    private func fill(
        _ store: SeriesStore, _ numbers: Range<Int>, series count: Int = 3, gaps: Set<Int> = []
    ) throws {
        let target = try store.target(["job": "test"])
        let refs = try (0..<count).map {
            try store.series(
                Self.metric, sampleName: Self.metric.name, target: target, labels: ["n": "\($0)"])
        }
        for number in numbers {
            var batch = Batch(timestamp: Int64(number) * 1000)
            for (index, ref) in refs.enumerated() where index != 1 || !gaps.contains(number) {
                batch.append(ref, Double(number * 10 + index))
            }
            #expect(store.append(batch).accepted == batch.series.count)
        }
    }

    /// Reads on until nothing comes; samples by series, and where it ended.
    private func drain(
        _ store: SeriesStore, from start: SamplePosition, limit: Int
    ) throws -> (samples: [String: [(time: Int64, value: Double)]], end: SamplePosition) {
        var position = start
        var slice = SampleSlice()
        var known = KnownSeries()
        var names: [Int: String] = [:]
        var samples: [String: [(time: Int64, value: Double)]] = [:]
        while try store.read(after: position, limit: limit, known: known, into: &slice) {
            if known.epoch != slice.epoch {
                known = KnownSeries()
                known.epoch = slice.epoch
            }
            for (number, name) in slice.names {
                names[number] = name.labels["n"]
                known.series.insert(number)
                #expect(name.descriptor.type == .counter)
            }
            for run in slice.runs {
                let name = try #require(names[run.series])
                for i in run.samples {
                    samples[name, default: []].append((slice.timestamps[i], slice.values[i]))
                }
            }
            #expect(slice.next != position)
            position = try #require(SamplePosition(text: slice.next.text))
        }
        return (samples, position)
    }

    private func expectAll(
        _ samples: [String: [(time: Int64, value: Double)]], _ numbers: Range<Int>,
        gaps: Set<Int> = []
    ) {
        for (name, all) in samples {
            let index = Int(name) ?? 0
            // A section that is sealed while a tick of it is half delivered is delivered again.
            var list: [(time: Int64, value: Double)] = []
            for one in all where one.time > list.last?.time ?? -1 { list.append(one) }
            var expected: [(Int64, Double)] = []
            for number in numbers {
                if index != 1 || !gaps.contains(number) {
                    expected.append((Int64(number) * 1000, Double(number * 10 + index)))
                } else if !gaps.contains(number - 1), number > numbers.lowerBound {
                    expected.append((Int64(number) * 1000, StaleMarker.value))
                }
            }
            #expect(list.map(\.time) == expected.map(\.0), "series \(name)")
            #expect(
                list.map(\.value.bitPattern) == expected.map(\.1.bitPattern), "series \(name)")
        }
    }

    @Test("In memory, sealed and after a restart", arguments: [1, 7, 1000])
    func everywhere(limit: Int) throws {
        let gaps: Set<Int> = [40, 41, 77, 150, 151]
        do {
            let store = try open()
            try fill(store, 0..<250, gaps: gaps)
            let (samples, end) = try drain(store, from: SamplePosition(), limit: limit)
            #expect(samples.count == 3)
            expectAll(samples, 0..<250, gaps: gaps)
            #expect(end == store.end())
            try store.flush()
            expectAll(
                try drain(store, from: SamplePosition(), limit: limit).samples, 0..<250, gaps: gaps)
        }
        let store = try open()
        expectAll(
            try drain(store, from: SamplePosition(), limit: limit).samples, 0..<250, gaps: gaps)
    }

    @Test("A reader that follows goes on where it was, through seals")
    func following() throws {
        let store = try open(ticksPerBucket: 50)
        var position = store.end()
        var all: [String: [(time: Int64, value: Double)]] = [:]
        for round in 0..<12 {
            try fill(store, round * 30..<(round + 1) * 30)
            if round % 4 == 3 { try store.flush() }
            let (samples, end) = try drain(store, from: position, limit: 10)
            for (name, list) in samples { all[name, default: []] += list }
            position = end
        }
        expectAll(all, 0..<360)
    }

    @Test("A time is found in memory and on the disk, and the backlog is counted")
    func positions() throws {
        let store = try open()
        try fill(store, 0..<250)
        for _ in 0..<2 {
            for time in [0, 99, 100, 180, 249] {
                let place = try store.position(at: Int64(time) * 1000)
                let (samples, _) = try drain(store, from: place, limit: 50)
                #expect(samples["0"]?.first?.time == Int64(time) * 1000)
                let backlog = try store.backlog(after: place)
                #expect(backlog.oldest == Int64(time) * 1000)
                #expect(abs(backlog.samples - Int64(250 - time) * 3) <= 3)
            }
            #expect(try store.backlog(after: store.end()) == SampleBacklog())
            try store.flush()
        }
    }

    @Test("A place of a store that was there before begins at the beginning")
    func anotherStore() throws {
        let store = try open()
        try fill(store, 0..<5)
        var slice = SampleSlice()
        let place = SamplePosition(section: 37)
        #expect(try store.read(after: place, limit: 100, known: KnownSeries(), into: &slice))
        #expect(slice.isAfterGap)
        #expect(slice.timestamps.first == 0)
    }

    @Test("A section that is gone from the store is told as a gap")
    func gap() throws {
        let path = directory.appending("series/metrics.db")
        let store = try open(ticksPerBucket: 10)
        try fill(store, 0..<25)
        try store.flush()
        let start = SamplePosition(section: 1)
        // What retention does, without waiting for days to pass.
        RawDatabase(path).run("DELETE FROM bucket WHERE section = 1")
        var slice = SampleSlice()
        #expect(try store.read(after: start, limit: 100, known: KnownSeries(), into: &slice))
        #expect(slice.isAfterGap)
        #expect(slice.timestamps.first == 10_000)
    }
}
