// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Model
import TestSupport
import Testing

@testable import Collectors

@Suite("Sampling containers")
struct ContainerCollectorTests {
    let directory: TemporaryDirectory
    let hierarchies: CgroupHierarchies
    private let recorder = Recorder()

    init() throws {
        directory = try TemporaryDirectory("collector")
        try directory.write(
            "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n", to: "proc/self/mountinfo")
        try directory.write("cpu memory pids io\n", to: "cg/cgroup.controllers")
        hierarchies = CgroupHierarchies(root: directory.path)
    }

    private func container() throws -> Container {
        try write(cpu: 1_000_000, memory: 50_000_000)
        var container = Container(
            engine: .embedded, id: "abc", name: "web", image: "/img", state: .running, createdAt: 0)
        container.cgroupPath = "/c"
        return container
    }

    private func write(cpu: Int, memory: Int) throws {
        try directory.write(
            "usage_usec \(cpu)\nuser_usec \(cpu)\nsystem_usec 0\n", to: "cg/c/cpu.stat")
        try directory.write("\(memory)\n", to: "cg/c/memory.current")
        try directory.write("100000000\n", to: "cg/c/memory.max")
        try directory.write("anon 7\nfile 8\ninactive_file 10000000\n", to: "cg/c/memory.stat")
        try directory.write("garbage \u{0} \n9999999999999999999999 x\n", to: "cg/c/memory.events")
    }

    private func tick(_ collector: ContainerCollector, at time: Int64) {
        var batch = Batch(timestamp: time)
        collector.collect(into: &batch, appender: recorder)
        _ = recorder.append(batch)
    }

    @Test("Readings become cAdvisor's metrics; what the host does not give is absent")
    func metrics() throws {
        let collector = ContainerCollector(hierarchies: hierarchies)
        collector.update([try container()], appender: recorder)
        tick(collector, at: 1000)
        #expect(recorder.samples["container_cpu_usage_seconds_total{cpu=total}"] == 1)
        #expect(recorder.samples["container_memory_working_set_bytes"] == 40_000_000)
        #expect(recorder.samples["container_memory_rss"] == 7)
        #expect(recorder.samples["container_spec_memory_limit_bytes"] == 100_000_000)
        #expect(recorder.samples["ullage_headroom_ratio{resource=memory}"] == 0.6)
        #expect(recorder.samples["container_threads"] == nil)
        #expect(recorder.samples["container_oom_events_total"] == nil)
    }

    @Test("The shim's counters of output are exported as they are")
    func logCounters() throws {
        var bytes = Array("ULGLOGC1".utf8)
        for count in [12, 3, 400, 50, 6] as [UInt64] {
            withUnsafeBytes(of: count.littleEndian) { bytes += $0 }
        }
        let path = directory.appending("log.counters")
        try Data(bytes).write(to: URL(filePath: path))
        var container = try container()
        container.logCountersPath = path
        let collector = ContainerCollector(hierarchies: hierarchies)
        collector.update([container], appender: recorder)
        tick(collector, at: 1000)
        #expect(recorder.samples["ullage_log_lines_total{stream=stdout}"] == 12)
        #expect(recorder.samples["ullage_log_bytes_total{stream=stderr}"] == 50)
        #expect(recorder.samples["ullage_log_dropped_records_total"] == 6)
    }

    @Test("A cgroup that takes long to read is read apart, and its samples go on")
    func slowGroup() throws {
        // Every reading is long for this collector.
        let collector = ContainerCollector(hierarchies: hierarchies, longReading: 0)
        collector.update([try container()], appender: recorder)
        for time in [1000, 2000] { tick(collector, at: Int64(time)) }
        #expect(collector.slowContainers == 1)
        // The next tick has a sample only if the other thread gave a reading.
        var time: Int64 = 3000
        let isRead = eventually {
            tick(collector, at: time)
            time += 1000
            return recorder.samples["container_memory_working_set_bytes"] == 40_000_000
        }
        #expect(isRead)
        collector.update([], appender: recorder)
        #expect(collector.slowContainers == 0)
    }

    @Test("A container is known before the next tick, and another name makes other series")
    func newAndRenamed() throws {
        let collector = ContainerCollector(hierarchies: hierarchies)
        var container = try container()
        collector.update([container], appender: recorder)
        var batch = Batch(timestamp: 500)
        collector.collect(into: &batch, appender: recorder, onlyNew: true)
        #expect(collector.stats.first?.memoryUsage != nil)
        let taken = batch.series.count
        collector.collect(into: &batch, appender: recorder, onlyNew: true)
        #expect(taken > 0 && batch.series.count == taken)
        container.name = "other"
        collector.update([container], appender: recorder)
        #expect(recorder.retired == 1 && collector.stats.first?.container.name == "other")
    }

    @Test("Interfaces are counted once for each namespace, and never the host's")
    func network() throws {
        let head = "Inter-| Receive | Transmit\n face |bytes packets\n"
        let counts = "10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0"
        try directory.write("self", to: "proc/self/ns/net")
        for pid in [42, 43] {
            try directory.write(
                head + "    lo: \(counts)\n  eth0: \(counts)\n bad: 1\n",
                to: "proc/\(pid)/net/dev")
            let rest = (4...24).map { $0 == 22 ? "777" : "0" }.joined(separator: " ")
            try directory.write("\(pid) (a) S \(rest)\n", to: "proc/\(pid)/stat")
        }
        try directory.write("shared", to: "proc/42/ns/net")
        try FileManager.default.createDirectory(
            atPath: directory.appending("proc/43/ns"), withIntermediateDirectories: true)
        try FileManager.default.linkItem(
            atPath: directory.appending("proc/42/ns/net"),
            toPath: directory.appending("proc/43/ns/net"))
        var first = try container()
        first.initPID = 42
        first.initStartTicks = 777
        var second = first
        second.id = "second"
        second.initPID = 43
        let collector = ContainerCollector(
            hierarchies: hierarchies, proc: directory.appending("proc"))
        collector.update([first, second], appender: recorder)
        tick(collector, at: 1000)
        #expect(recorder.samples["container_network_receive_bytes_total{interface=eth0}"] == 10)
        #expect(recorder.samples["container_network_transmit_errors_total{interface=eth0}"] == 7)
        #expect(recorder.names.count { $0.hasPrefix("container_network") } == 8)

        // A pid that another process has by now shows nothing.
        var reused = first
        reused.initStartTicks = 1
        let other = ContainerCollector(
            hierarchies: hierarchies, proc: directory.appending("proc"))
        other.update([reused], appender: recorder)
        tick(other, at: 2000)
        #expect(recorder.names.count { $0.hasPrefix("container_network") } == 8)
    }

    @Test("A counter that goes back is held and counted")
    func counters() throws {
        let collector = ContainerCollector(hierarchies: hierarchies)
        collector.update([try container()], appender: recorder)
        tick(collector, at: 1000)
        try write(cpu: 5, memory: 1)
        tick(collector, at: 2000)
        #expect(recorder.samples["container_cpu_usage_seconds_total{cpu=total}"] == 1)
        #expect(collector.held == 2)
    }

    @Test("A steady growth gives a time to full, noise gives none")
    func trend() throws {
        let collector = ContainerCollector(hierarchies: hierarchies)
        let container = try container()
        collector.update([container], appender: recorder)
        for i in 0..<20 {
            try write(cpu: 1_000_000 + i, memory: 20_000_000 + i * 1_000_000)
            tick(collector, at: Int64(i) * 1000)
        }
        let left = try #require(collector.stats.first?.timeToFull)
        // 1 MB a second towards 100 MB, of which inactive cache does not count.
        #expect(left > 60 && left < 90)

        let noisy = ContainerCollector(hierarchies: hierarchies)
        noisy.update([container], appender: recorder)
        for i in 0..<40 {
            try write(cpu: 1_000_000 + i, memory: 50_000_000 + (i * 7919 % 13) * 1_000_000)
            tick(noisy, at: Int64(i) * 1000)
        }
        #expect(noisy.stats.first?.timeToFull == nil)
    }

    @Test("A container whose cgroup is gone is left out, the rest goes on")
    func vanished() throws {
        let collector = ContainerCollector(hierarchies: hierarchies)
        var gone = try container()
        gone.id = "gone"
        gone.cgroupPath = "/none"
        collector.update([try container(), gone], appender: recorder)
        tick(collector, at: 1000)
        #expect(recorder.samples["container_memory_usage_bytes"] == 50_000_000)
        collector.update([], appender: recorder)
        #expect(recorder.retired == 2)
        #expect(collector.stats.isEmpty)
    }
}
