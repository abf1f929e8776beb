// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
import Model
import PromQL
import SeriesStore

/// Measures the series store from within, for `Benchmarks/series.sh`.
///
///     series-bench generate CONTAINERS TICKS INTERVAL_MS START   OpenMetrics to standard output
///     series-bench ingest DIR CONTAINERS TICKS INTERVAL_MS       through the sampler's appender
///     series-bench pending DIR CONTAINERS TICKS                  the same, killed before it seals
///     series-bench open DIR                                      how long until it answers
///     series-bench query DIR START END STEP_S N QUERY...         the engine without HTTP
@main
enum SeriesBench {
    static func main() throws {
        // As the agent does.
        Allocator.giveBackEarly()
        let arguments = Array(CommandLine.arguments.dropFirst())
        func number(_ index: Int) -> Int {
            arguments.count > index ? Int(arguments[index]) ?? 0 : 0
        }
        switch arguments.first {
        case "generate":
            generate(number(1), ticks: number(2), interval: number(3), start: number(4))
        case "ingest":
            try ingest(
                arguments[1], number(2), ticks: number(3), interval: number(4), isKilled: false)
        case "pending":
            try ingest(arguments[1], number(2), ticks: number(3), interval: 1000, isKilled: true)
        case "open": try open(arguments[1])
        case "query":
            try query(
                arguments[1], start: number(2), end: number(3), step: number(4), times: number(5),
                Array(arguments[6...]))
        default:
            print("usage: series-bench generate|ingest|pending|open|query ...")
            exit(64)
        }
    }

    /// One family after the other, as OpenMetrics wants it.
    private static func generate(_ containers: Int, ticks: Int, interval: Int, start: Int) {
        var host = Host(containers: containers, seed: 7)
        var columns = [[Double]](repeating: [], count: host.series.count)
        for _ in 0..<ticks {
            host.step(Double(interval) / 1000)
            for (column, value) in host.values().enumerated() { columns[column].append(value) }
        }
        var family = ""
        for (one, values) in zip(host.series, columns) {
            if one.metric.name != family {
                family = one.metric.name
                let name = family.hasSuffix("_total") ? String(family.dropLast(6)) : family
                print("# HELP \(name) Simulated.\n# TYPE \(name) \(one.metric.type.rawValue)")
            }
            let labels = one.labels.pairs.map { "\($0.name)=\"\($0.value)\"" }
            let prefix = "\(one.sampleName){\(labels.joined(separator: ","))} "
            for (tick, value) in values.enumerated() {
                let whole = value.rounded() == value ? "\(Int64(value))" : "\(value)"
                print(prefix + whole + " \(start + tick * interval / 1000)")
            }
        }
        print("# EOF")
    }

    private static func ingest(
        _ directory: String, _ containers: Int, ticks: Int, interval: Int, isKilled: Bool
    ) throws {
        var host = Host(containers: containers, seed: 7)
        host.step(1)
        _ = host.values()
        let base = Measure.memory("RssAnon")
        var options = SeriesStore.Options()
        options.maxBytes = 1 << 40
        options.maxSeries = 10_000_000
        let store = try SeriesStore.open(directory: directory, options: options)
        let references = try host.series.map {
            try store.series(
                $0.metric, sampleName: $0.sampleName, target: try store.target($0.labels),
                labels: [:])
        }
        let written = Measure.written
        let (process, thread) = (Measure.cpu, Measure.threadCPU)
        var (appending, memory) = (0.0, [Int]())
        let first: Milliseconds = 1_760_000_000_000
        for tick in 0..<ticks {
            host.step(Double(interval) / 1000)
            var batch = Batch(timestamp: first + Milliseconds(tick * interval))
            batch.series = references
            batch.values = host.values()
            let before = Measure.threadCPU
            _ = store.append(batch)
            appending += Measure.threadCPU - before
            // As in real time: the store's own thread has time between ticks.
            if tick % 64 == 0 { usleep(200_000) }
            if tick % 20 == 19 { memory.append(Measure.memory("RssAnon") - base) }
        }
        if isKilled { kill(getpid(), SIGKILL) }
        try store.seal()
        let others = (Measure.cpu - process) - (Measure.threadCPU - thread)
        sync()
        let sent = Measure.written - written
        let samples = references.count * ticks
        let usage = store.statistics()
        let bytes = usage.databaseBytes + usage.walBytes + usage.journalBytes
        let coarse = try StoreMaintenance.usage(directory: directory).tiers.dropFirst()
            .reduce(0) { $0 + $1.bytes }
        let cpu = appending + others
        print(
            """
            samples=\(samples) series=\(references.count) \
            append_ns=\(Int(appending * 1e9 / Double(samples))) \
            samples_per_cpu_second=\(Int(Double(samples) / cpu)) \
            disk_bytes_per_sample=\(rounded(Double(bytes - coarse) / Double(samples))) \
            coarser_tiers=\(rounded(Double(coarse) / Double(samples))) \
            written_bytes_per_sample=\(rounded(Double(sent) / Double(samples))) \
            memory_bytes_per_series=\(memory.reduce(0, +) / memory.count / references.count) \
            at_most=\((memory.max() ?? 0) / references.count)
            """)
    }

    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

    private static func open(_ directory: String) throws {
        let start = Measure.wall
        let store = try SeriesStore.open(directory: directory)
        let opened = Measure.wall
        let found = try store.select(
            [Matcher("__name__", .equal, "container_pids_current")],
            in: TimeRange(start: .min, end: .max), hints: SelectHints())
        var (samples, buffer) = (0, SampleBuffer())
        for series in found {
            while try series.cursor.next(into: &buffer) { samples += buffer.values.count }
        }
        print(
            """
            open_s=\(rounded(opened - start)) first_answer_s=\(rounded(Measure.wall - start)) \
            cpu_s=\(rounded(Measure.cpu)) series=\(found.count) samples=\(samples) \
            memory_mb=\(Measure.memory("RssAnon") >> 20)
            """)
        exit(0)
    }

    private static func query(
        _ directory: String, start: Int, end: Int, step: Int, times: Int, _ queries: [String]
    ) throws {
        let store = try SeriesStore.open(directory: directory)
        let engine = Engine(querier: store)
        for query in queries {
            var best = Double.infinity
            var size = 0
            for _ in 0..<times {
                let before = Measure.wall
                let result = try engine.range(
                    query, start: Milliseconds(start) * 1000, end: Milliseconds(end) * 1000,
                    step: Milliseconds(step) * 1000)
                best = min(best, Measure.wall - before)
                if case .matrix(let series) = result.value { size = series.count }
            }
            print("\(rounded(best * 1000)) ms  \(size) series  \(query)")
        }
    }
}
