// SPDX-License-Identifier: Apache-2.0

import CLinux
import Collectors
import Glibc
import Linux
import Model
import SeriesStore

/// Measures sampling and `/metrics` from within, for `Benchmarks/sampling.sh`.
///
///     sampling-bench LIST TICKS DIR
///
/// LIST has a line `CGROUP PID` for each container; DIR is for the store. What is measured is the
/// processor time of the sampling thread, in ticks of a second each as the samplers see them.
@main
enum SamplingBench {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let ticks = Int(arguments[2]), ticks > 20 else {
            print("usage: sampling-bench LIST TICKS DIR, with at least 21 ticks")
            exit(64)
        }
        let containers = Self.containers(arguments[1])
        guard !containers.isEmpty else {
            print("sampling-bench: \(arguments[1]) names no process that runs")
            exit(66)
        }
        try measure(containers, ticks: ticks, directory: arguments[3])
    }

    private static func containers(_ path: String) -> [Container] {
        var buffer = ReadBuffer()
        let text = KernelFile.readOnce(path: path, into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        return (text ?? "").split(separator: "\n").enumerated().compactMap { number, line in
            let fields = line.split(separator: " ")
            guard fields.count == 2, let pid = Int32(fields[1]),
                let name = fields[0].split(separator: "/").last,
                let found = ProcessCgroup.find(pid: pid, holding: String(name), &buffer)
            else { return nil }
            let digits = String(number, radix: 16)
            let id = String(repeating: "0", count: 64 - digits.count) + digits
            var container = Container(
                engine: .docker, id: id, name: "container-\(number)",
                image: "registry.example/service:1", state: .running, createdAt: 1_700_000_000_000)
            container.cgroupPath = String(fields[0])
            container.initPID = pid
            container.initStartTicks = found.startTicks
            container.startedAt = container.createdAt
            return container
        }
    }

    private static func measure(
        _ containers: [Container], ticks: Int, directory: String
    ) throws {
        let collector = ContainerCollector()
        var options = ContainerCollector.Options()
        options.descriptorBudget = 1_000_000
        collector.setOptions(options)
        let memoryBefore = Measure.memory("RssAnon")
        let store = try SeriesStore.open(directory: directory)
        collector.update(containers, appender: store)
        var batch = Batch(timestamp: 0)
        var now = Clock.realtimeMilliseconds()
        var reading: [Double] = []
        var appending: [Double] = []
        var (reads, allocations) = (0, 0)
        for tick in 0..<ticks {
            batch.reset(timestamp: now)
            let counts = (Interposed.reads, Interposed.allocations)
            let start = Measure.threadCPU
            collector.collect(into: &batch, appender: store)
            let middle = Measure.threadCPU
            if tick >= ticks / 2 {
                reads += Interposed.reads - counts.0
                allocations += Interposed.allocations - counts.1
            }
            _ = store.append(batch)
            // The first half is for caches, and for series that begin with their first event.
            if tick >= ticks / 2 {
                reading.append(middle - start)
                appending.append(Measure.threadCPU - middle)
            }
            now += 1000
        }
        let each = 1e6 / Double(containers.count)
        let measured = Double(reading.count * containers.count)
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        print("containers \(containers.count)")
        print("samples_per_container \(batch.series.count / containers.count)")
        print("sampling_us_per_container \(rounded(mean(reading) * each))")
        print("sampling_us_per_container_min \(rounded((reading.min() ?? 0) * each))")
        print("appending_us_per_container \(rounded(mean(appending) * each))")
        if Interposed.isThere {
            print("reads_per_container \(rounded(Double(reads) / measured))")
            print("allocations_per_container \(rounded(Double(allocations) / measured))")
        }
        try store.seal()
        let memory = Measure.memory("RssAnon") - memoryBefore
        print("memory_bytes_per_series \(memory / max(1, batch.series.count))")
        try expose(store)
    }

    private static func expose(_ store: SeriesStore) throws {
        for format in ExpositionFormat.allCases {
            var output: [UInt8] = []
            var times: [Double] = []
            var allocations = 0
            for _ in 0..<12 {
                output.removeAll(keepingCapacity: true)
                let before = Interposed.allocations
                let start = Measure.threadCPU
                try store.expose(ExpositionRequest(format: format), into: &output)
                times.append(Measure.threadCPU - start)
                allocations = Interposed.allocations - before
            }
            let lines = output.count { $0 == 0x0a }
            let samples = output.split(separator: 0x0a).count { $0.first != UInt8(ascii: "#") }
            let middle = times.sorted()[times.count / 2]
            print(
                "\(format.rawValue) lines \(lines) bytes \(output.count)",
                "ns_per_line \(rounded(middle / Double(lines) * 1e9))",
                "ns_per_line_min \(rounded((times.min() ?? 0) / Double(lines) * 1e9))",
                Interposed.isThere ? "allocations \(allocations) of samples \(samples)" : "")
        }
    }

    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
