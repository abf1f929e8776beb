// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// The subsystems that read one or two files of the kernel's own counters.
enum NodeKernel {
    static func all(root: String) -> [any NodeSubsystem] {
        [
            StatSubsystem(root: root), MeminfoSubsystem(root: root), LoadSubsystem(root: root),
            VmstatSubsystem(root: root), PressureSubsystem(root: root),
            NumbersSubsystem(root: root),
            SchedstatSubsystem(root: root), TimexSubsystem(),
        ]
    }
}

/// `/proc/stat`: processors' times, and counters since boot.
final class StatSubsystem: NodeSubsystem {
    let name = "stat"
    private let file: ProcFile
    private var cpus: DeviceSeries
    private var last: [[Int64]] = []
    private var others: [SeriesRef?] = Array(repeating: nil, count: 6)
    private static let modes = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ]
    /// A processor's time goes back by a few ticks when the kernel corrects idle and iowait, and
    /// by more when the processor was offline.
    private static let tolerated: Int64 = 300

    init(root: String) {
        file = ProcFile("/proc/stat", root: root)
        cpus = DeviceSeries(
            label: "cpu",
            Self.modes.map { (NodeMetrics.cpuSeconds, ["mode": $0]) }
                + ["user", "nice"].map { (NodeMetrics.cpuGuestSeconds, ["mode": $0]) })
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        cpus.begin()
        let ticks = Double(Clock.ticksPerSecond)
        _ = try file.read(into: &buffer) { bytes in
            HostTables.rows(bytes) { key, values, count in
                if key.count > 3, key[0] == 0x63, key[1] == 0x70, key[2] == 0x75 {  // cpuN
                    let number = UnsafeRawBufferPointer(rebasing: key[3...])
                    guard let row = cpus.row(number, &sink) else { return }
                    while last.count <= row { last.append(Array(repeating: 0, count: 10)) }
                    for column in 0..<min(count, 10) {
                        let held = last[row][column]
                        let isSmallStep =
                            values[column] < held
                            && held &- values[column] < Self.tolerated
                        let value = isSmallStep ? held : values[column]
                        last[row][column] = value
                        cpus.put(Double(value) / ticks, row: row, column: column, &sink)
                    }
                } else {
                    put(key, Double(values[0]), &sink)
                }
            }
        }
        cpus.end(&sink)
    }

    private func put(_ key: UnsafeRawBufferPointer, _ value: Double, _ sink: inout NodeSink) {
        if key.equals("ctxt") {
            sink.put(value, &others[0], NodeMetrics.contextSwitches)
        } else if key.equals("processes") {
            sink.put(value, &others[1], NodeMetrics.forks)
        } else if key.equals("intr") {
            sink.put(value, &others[2], NodeMetrics.interrupts)
        } else if key.equals("btime") {
            sink.put(value, &others[3], NodeMetrics.bootTime)
        } else if key.equals("procs_running") {
            sink.put(value, &others[4], NodeMetrics.procsRunning)
        } else if key.equals("procs_blocked") {
            sink.put(value, &others[5], NodeMetrics.procsBlocked)
        }
    }
}

/// `/proc/meminfo`: every line of it.
final class MeminfoSubsystem: NodeSubsystem {
    let name = "meminfo"
    private let file: ProcFile
    private var fields = KeyedSeries { key in
        // `HugePages_Total:` counts; all others are in kB.
        var name = ""
        for character in key.dropLast() {
            if character == "(" { name += "_" } else if character != ")" { name.append(character) }
        }
        return key.hasSuffix(":")
            ? NodeMetrics.memory(name, isBytes: !name.hasPrefix("HugePages_")) : nil
    }

    init(root: String) { file = ProcFile("/proc/meminfo", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        fields.rewind()
        _ = try file.read(into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            while !scanner.isAtEnd {
                let key = scanner.word()
                scanner.skipBlanks()
                if !key.isEmpty, let value = scanner.number() {
                    scanner.skipBlanks()
                    let factor: Double = scanner.word().equals("kB") ? 1024 : 1
                    fields.put(Double(value) * factor, key, &sink)
                }
                scanner.skipLine()
            }
        }
    }
}

/// `/proc/loadavg`: `0.20 0.18 0.12 1/80 11206`.
final class LoadSubsystem: NodeSubsystem {
    let name = "loadavg"
    private let file: ProcFile
    private var series: [SeriesRef?] = Array(repeating: nil, count: 4)

    init(root: String) { file = ProcFile("/proc/loadavg", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        _ = try file.read(into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            let metrics = [NodeMetrics.load1, NodeMetrics.load5, NodeMetrics.load15]
            for i in 0..<3 {
                guard let value = scanner.decimal() else { return }
                sink.put(value, &series[i], metrics[i])
                scanner.skipBlanks()
            }
            _ = scanner.number()
            if scanner.skip(0x2f), let threads = scanner.number() {
                sink.put(Double(threads), &series[3], NodeMetrics.threads)
            }
        }
    }
}

/// `/proc/vmstat`: the fields node_exporter has by default.
final class VmstatSubsystem: NodeSubsystem {
    let name = "vmstat"
    private let file: ProcFile
    private var fields = KeyedSeries { key in
        let isWanted =
            key == "oom_kill" || key.hasPrefix("pgpg") || key.hasPrefix("pswp")
            || (key.hasPrefix("pg") && key.hasSuffix("fault"))
        return isWanted ? NodeMetrics.vmstat(key) : nil
    }

    init(root: String) { file = ProcFile("/proc/vmstat", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        fields.rewind()
        _ = try file.read(into: &buffer) { bytes in
            FlatKeyed.parse(bytes) { key, value in fields.put(Double(value), key, &sink) }
        }
    }
}

/// `/proc/pressure/*`. The processor has no stalled time of its own on the whole host.
final class PressureSubsystem: NodeSubsystem {
    let name = "pressure"
    private let files: [(resource: String, file: ProcFile)]
    private var waiting: [SeriesRef?] = Array(repeating: nil, count: 4)
    private var stalled: [SeriesRef?] = Array(repeating: nil, count: 4)

    init(root: String) {
        files = ["cpu", "memory", "io", "irq"].map {
            ($0, ProcFile("/proc/pressure/" + $0, root: root))
        }
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        for (i, source) in files.enumerated() {
            let pressure = try source.file.read(into: &buffer) { Pressure($0) }
            guard let pressure else { continue }
            if let some = pressure.someTotal {
                sink.put(
                    Double(some) / 1e6, &waiting[i], NodeMetrics.pressureWaiting(source.resource))
            }
            if let full = pressure.fullTotal, source.resource != "cpu" {
                sink.put(
                    Double(full) / 1e6, &stalled[i], NodeMetrics.pressureStalled(source.resource))
            }
        }
    }
}

/// Files of one or three numbers, and the clock.
final class NumbersSubsystem: NodeSubsystem {
    let name = "numbers"
    private let plain: [(file: ProcFile, metric: MetricDescriptor)]
    private let fileNumbers: ProcFile
    private var series: [SeriesRef?]
    private var files: [SeriesRef?] = [nil, nil]
    private var time: SeriesRef?

    init(root: String) {
        plain = [
            ("/proc/sys/kernel/random/entropy_avail", NodeMetrics.entropyAvailable),
            ("/proc/sys/kernel/random/poolsize", NodeMetrics.entropyPool),
            ("/proc/sys/kernel/hung_task_detect_count", NodeMetrics.hungTasks),
            ("/proc/sys/kernel/threads-max", NodeMetrics.maxThreads),
            ("/proc/sys/kernel/pid_max", NodeMetrics.maxProcesses),
            ("/proc/sys/net/netfilter/nf_conntrack_count", NodeMetrics.conntrackEntries),
            ("/proc/sys/net/netfilter/nf_conntrack_max", NodeMetrics.conntrackLimit),
        ].map { (ProcFile($0.0, root: root), $0.1) }
        series = Array(repeating: nil, count: plain.count)
        fileNumbers = ProcFile("/proc/sys/fs/file-nr", root: root)
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        sink.put(Double(Clock.realtimeNanoseconds()) / 1e9, &time, NodeMetrics.time)
        for (i, source) in plain.enumerated() {
            guard let value = try source.file.number(&buffer) else { continue }
            sink.put(Double(value), &series[i], source.metric)
        }
        _ = try fileNumbers.read(into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            guard let allocated = scanner.number() else { return }
            scanner.skipBlanks()
            _ = scanner.number()
            scanner.skipBlanks()
            sink.put(Double(allocated), &files[0], NodeMetrics.filesAllocated)
            guard let maximum = scanner.number() else { return }
            sink.put(Double(maximum), &files[1], NodeMetrics.filesMaximum)
        }
    }
}

/// `/proc/schedstat`: the last three numbers of `cpuN` (sched-stats.rst).
final class SchedstatSubsystem: NodeSubsystem {
    let name = "schedstat"
    private let file: ProcFile
    private var cpus = DeviceSeries(
        label: "cpu",
        [NodeMetrics.schedRunning, NodeMetrics.schedWaiting, NodeMetrics.schedTimeslices])

    init(root: String) { file = ProcFile("/proc/schedstat", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        cpus.begin()
        _ = try file.read(into: &buffer) { bytes in
            HostTables.rows(bytes) { key, values, count in
                guard key.count > 3, key[0] == 0x63, key[1] == 0x70, count >= 9 else { return }
                let number = UnsafeRawBufferPointer(rebasing: key[3...])
                guard let row = cpus.row(number, &sink) else { return }
                cpus.put(Double(values[6]) / 1e9, row: row, column: 0, &sink)
                cpus.put(Double(values[7]) / 1e9, row: row, column: 1, &sink)
                cpus.put(Double(values[8]), row: row, column: 2, &sink)
            }
        }
        cpus.end(&sink)
    }
}

/// adjtimex(2): how well the clock is kept.
final class TimexSubsystem: NodeSubsystem {
    let name = "timex"
    private var series: [SeriesRef?] = Array(repeating: nil, count: NodeMetrics.timex.count)

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        guard let values = HostCalls.timex() else { return }
        for (i, value) in values.enumerated() {
            sink.put(value, &series[i], NodeMetrics.timex[i])
        }
    }
}
