// SPDX-License-Identifier: Apache-2.0

import Collectors
import Foundation
import Linux
import Model
import TestSupport
import Testing

/// What real kernels gave; `Tests/KernelTrees/README.md` says how it was taken.
@Suite("Trees of real kernels")
struct KernelTreeTests {
    private let directory: TemporaryDirectory
    private let recorder = Recorder()

    init() throws { directory = try TemporaryDirectory("kernel-tree") }

    /// Lays the tree, samples it, and gives its files.
    private func sample(_ kernel: String) throws -> [String: String] {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "KernelTrees/\(kernel).txt").path
        let text = try #require(contents(path))
        var files: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            files[String(parts[0]), default: ""] += parts[1] + "\n"
        }
        try directory.write(
            "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n", to: "proc/self/mountinfo")
        try directory.write("cpu memory pids io\n", to: "cg/cgroup.controllers")
        for (name, text) in files { try directory.write(text, to: "cg/c/" + name) }
        let collector = ContainerCollector(
            hierarchies: CgroupHierarchies(root: directory.path), proc: directory.appending("proc"))
        var container = Container(
            engine: .embedded, id: "abc", name: "web", image: "/img", state: .running, createdAt: 0)
        container.cgroupPath = "/c"
        collector.update([container], appender: recorder)
        var batch = Batch(timestamp: 1000)
        collector.collect(into: &batch, appender: recorder)
        _ = recorder.append(batch)
        #expect(collector.errors == 0)
        return files
    }

    private func number(_ key: String, _ file: String?) -> Double? {
        file?.split(separator: "\n").first { $0.hasPrefix(key + " ") }
            .flatMap { Double($0.dropFirst(key.count + 1)) }
    }

    @Test("Every number arrives where it belongs", arguments: ["6.1", "6.12"])
    func numbers(_ kernel: String) throws {
        let files = try sample(kernel)
        let samples = recorder.samples
        let keyed: [(String, String, String, Double)] = [
            ("container_cpu_usage_seconds_total{cpu=total}", "cpu.stat", "usage_usec", 1e6),
            ("container_cpu_cfs_throttled_seconds_total", "cpu.stat", "throttled_usec", 1e6),
            ("container_cpu_cfs_periods_total", "cpu.stat", "nr_periods", 1),
            ("container_memory_rss", "memory.stat", "anon", 1),
            ("container_memory_cache", "memory.stat", "file", 1),
            ("container_memory_kernel_usage", "memory.stat", "kernel", 1),
            ("container_memory_shmem_bytes", "memory.stat", "shmem", 1),
            ("container_memory_slab_unreclaimable_bytes", "memory.stat", "slab_unreclaimable", 1),
            (
                "container_memory_failures_total{failure_type=pgfault}{scope=container}",
                "memory.stat", "pgfault", 1
            ),
            ("container_memory_events_max_total", "memory.events", "max", 1),
            ("container_oom_events_total", "memory.events", "oom_kill", 1),
        ]
        for (series, file, key, scale) in keyed {
            let wanted = try #require(number(key, files[file]), "\(file) \(key)")
            #expect(samples[series] == wanted / scale, "\(series)")
        }
        let plain = [
            ("container_memory_usage_bytes", "memory.current"),
            ("container_memory_max_usage_bytes", "memory.peak"),
            ("container_threads", "pids.current"), ("container_threads_max", "pids.max"),
            ("container_spec_memory_limit_bytes", "memory.max"),
            ("container_spec_memory_reservation_limit_bytes", "memory.low"),
        ]
        for (series, file) in plain {
            let wanted = (files[file]?.dropLast()).flatMap { Double($0) }
            #expect(wanted != nil && samples[series] == wanted, "\(series)")
        }
        #expect(samples["container_spec_cpu_quota"] == 50_000)
        #expect(samples["container_memory_shmem_bytes"] ?? 0 >= 8_388_608)
        // On one node the nodes' parts say nothing new.
        #expect(!samples.keys.contains { $0.hasPrefix("container_memory_numa") })
        // Distributions' kernels have more than their numbers say: what counts is the file.
        #expect((samples["container_threads_peak"] != nil) == (files["pids.peak"] != nil))
        let local = samples["container_cpu_throttled_local_seconds_total"]
        #expect((local != nil) == (files["cpu.stat.local"] != nil))
    }
}
