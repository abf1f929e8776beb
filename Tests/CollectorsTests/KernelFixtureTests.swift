// SPDX-License-Identifier: Apache-2.0

import Collectors
import Linux
import Model
import TestSupport
import Testing

@Suite("Kernels from 5.15 to 6.18")
struct KernelFixtureTests {
    private func samples(_ kernel: KernelFixture) throws -> [String: Double] {
        let directory = try TemporaryDirectory("kernel")
        try kernel.write(in: directory)
        let recorder = Recorder()
        let collector = ContainerCollector(
            hierarchies: CgroupHierarchies(root: directory.path), proc: directory.appending("proc"))
        var container = Container(
            engine: .embedded, id: "abc", name: "web", image: "/img", state: .running, createdAt: 0)
        container.cgroupPath = "/c"
        collector.update([container], appender: recorder)
        for time in [1000, 2000] as [Int64] {
            var batch = Batch(timestamp: time)
            collector.collect(into: &batch, appender: recorder)
            _ = recorder.append(batch)
        }
        #expect(collector.errors == 0)
        return recorder.samples
    }

    @Test("What every kernel has is there, with its unit", arguments: KernelFixture.allCases)
    func common(_ kernel: KernelFixture) throws {
        let all = try samples(kernel)
        #expect(all["container_cpu_usage_seconds_total{cpu=total}"] == 9)
        #expect(all["container_cpu_cfs_throttled_seconds_total"] == 0.5)
        #expect(all["container_memory_working_set_bytes"] == 80_000_000)
        #expect(all["container_memory_reclaimable_bytes"] == 41_000_000)
        #expect(all["container_memory_events_local_max_total"] == 3)
        #expect(all["container_memory_swap_events_fail_total"] == 1)
        #expect(all["container_pids_events_max_total"] == 5)
        #expect(all["container_spec_cpu_shares"] == 1024)
        #expect(all["container_spec_memory_reservation_limit_bytes"] == 1_000_000)
        #expect(all["container_spec_memory_high_bytes"] == nil, "no limit is no number")
        #expect(all["container_cpuset_cpus"] == 4)
        #expect(all["container_hugetlb_usage_bytes{pagesize=2MB}"] == 4_194_304)
        #expect(all["container_rdma_objects{device=mlx4_0}"] == 2000)
        #expect(
            all["container_fs_discards_bytes_total{device=8:0}"] == 30
                || all.keys.contains {
                    $0.hasPrefix("container_fs_discards_bytes_total{device=/dev/")
                })
        #expect(all["container_frozen"] == 0)
        #expect(all["container_spec_io_weight"] == 200)
        let device = "{device=9:7}"
        #expect(
            all["container_spec_io_limit_bytes_per_second\(device){operation=read}"] == 2_097_152)
        #expect(
            all["container_spec_io_limit_operations_per_second\(device){operation=write}"] == 120)
        #expect(!all.keys.contains { $0.hasPrefix("container_spec_io") && $0.contains("max") })
        #expect(all["container_spec_io_latency_target_seconds\(device)"] == 0.025)
        #expect(all["container_memory_anon_thp_bytes"] == 2_097_152)
        #expect(all["container_pressure_io_stalled_ratio"] == 0.005)
        #expect(all["container_memory_numa_bytes{numa_node=1}{numa_type=anon}"] == 8192)
        // Zeros of rare things are left out.
        #expect(all["container_memory_zswapped_bytes"] == nil)
        #expect(all["container_memory_shmem_thp_bytes"] == nil)
    }

    @Test("The parts of memory add up to the usage", arguments: KernelFixture.allCases)
    func sum(_ kernel: KernelFixture) throws {
        let all = try samples(kernel)
        let parts = [
            "container_memory_rss", "container_memory_cache", "container_memory_kernel_usage",
            "container_memory_sock_bytes", "container_memory_other_bytes",
        ]
        #expect(parts.allSatisfy { all[$0] != nil })
        #expect(
            parts.reduce(0) { $0 + (all[$1] ?? 0) } == all["container_memory_usage_bytes"])
    }

    @Test("What a kernel does not have is absent, never 0")
    func absent() throws {
        let (old, new) = (try samples(.v5_15), try samples(.v6_18))
        for (name, value) in [
            ("container_memory_max_usage_bytes", 150_000_000),
            ("container_cpu_throttled_local_seconds_total", 0.7),
            ("container_pressure_irq_stalled_seconds_total", 1), ("container_threads_peak", 9),
            ("container_frozen_seconds_total", 0.25), ("container_misc_usage{resource=sev}", 3),
            ("container_device_memory_usage_bytes{region=drm/0000:03:00.0/vram0}", 8_653_312),
            ("container_pids_events_local_max_total", 4), ("container_memory_pgscan_total", 90),
            ("container_pressure_cpu_stalled_seconds_total", 1),
        ] as [(String, Double)] {
            #expect(old[name] == nil, "\(name)")
            #expect(new[name] == value, "\(name)")
        }
    }
}
