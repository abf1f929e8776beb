// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Cgroup trees as kernels have them: the files and keys that came with each release, by the
/// release's own documentation (cgroup-v2.rst). A later kernel has all that an earlier one had.
enum KernelFixture: String, CaseIterable {
    case v5_15 = "5.15"
    case v6_1 = "6.1"
    case v6_6 = "6.6"
    case v6_12 = "6.12"
    case v6_18 = "6.18"

    private var age: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    private func since(_ other: Self) -> Bool { age >= other.age }

    /// Writes the group `/c` of a container with limits below `cg/`.
    func write(in directory: TemporaryDirectory) throws {
        try directory.write(
            "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n", to: "proc/self/mountinfo")
        try directory.write(
            "cpuset cpu io memory hugetlb pids rdma misc\n", to: "cg/cgroup.controllers")
        for (name, text) in files { try directory.write(text, to: "cg/c/" + name) }
    }

    private var files: [String: String] {
        let psi = "some avg10=1.50 avg60=0.30 avg300=0.10 total=2000000\n"
        let full = "full avg10=0.50 avg60=0.10 avg300=0.00 total=1000000\n"
        var files = [
            "cpu.stat": cpuStat, "cpu.max": "50000 100000\n", "cpu.weight": "100\n",
            "cpu.pressure": since(.v6_1) ? psi + full : psi,
            "memory.pressure": psi + full, "io.pressure": psi + full,
            "memory.current": "100000000\n", "memory.max": "200000000\n", "memory.high": "max\n",
            "memory.low": "1000000\n", "memory.min": "0\n", "memory.oom.group": "0\n",
            "memory.swap.current": "4096\n", "memory.swap.max": "max\n",
            "memory.swap.events": "high 0\nmax 2\nfail 1\n", "memory.stat": memoryStat,
            "memory.events": memoryEvents,
            "memory.events.local": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
            "pids.current": "7\n", "pids.max": "100\n", "pids.events": "max 5\n",
            "io.stat": "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=30 dios=3\n",
            "cgroup.stat": "nr_descendants 2\nnr_dying_descendants 1\n",
            "cgroup.events": "populated 1\nfrozen 0\n", "cpuset.cpus.effective": "0-2,5\n",
            "cpuset.mems.effective": "0\n", "hugetlb.2MB.current": "4194304\n",
            "hugetlb.2MB.max": "max\n", "hugetlb.2MB.events": "max 1\n",
            "rdma.current": "mlx4_0 hca_handle=2 hca_object=2000\n",
            "cgroup.procs": "42\n",
            "io.max": "9:7 rbps=2097152 wbps=max riops=max wiops=120\n",
            "io.latency": "9:7 target=25000\n", "io.weight": "default 200\n9:7 50\n",
            "memory.numa_stat": "anon N0=4096 N1=8192\nfile N0=0 N1=0\nshmem N0=1 N1=2\n",
        ]
        if since(.v6_1) {
            files["memory.peak"] = "150000000\n"
            files["memory.zswap.current"] = "0\n"
            files["irq.pressure"] = full
            files["misc.current"] = "sev 3\n"
        }
        if since(.v6_6) {
            files["memory.swap.peak"] = "8192\n"
            files["pids.peak"] = "9\n"
            files["cpu.stat.local"] = "throttled_usec 700000\n"
        }
        if since(.v6_12) { files["pids.events.local"] = "max 4\n" }
        if since(.v6_18) {
            files["dmem.current"] = "drm/0000:03:00.0/vram0 8653312\n"
            files["cgroup.stat.local"] = "frozen_usec 250000\n"
        }
        return files
    }

    private var cpuStat: String {
        var text = "usage_usec 9000000\nuser_usec 6000000\nsystem_usec 3000000\n"
        if since(.v6_12) { text += "nice_usec 100\n" }
        text += "nr_periods 50\nnr_throttled 10\nthrottled_usec 500000\n"
        if since(.v6_1) { text += "nr_bursts 1\nburst_usec 1000\n" }
        return text
    }

    private var memoryEvents: String {
        var text = "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n"
        if since(.v6_1) { text += "oom_group_kill 0\n" }
        return text
    }

    /// The parts add up to less than the usage by 1,000,000.
    private var memoryStat: String {
        var text = "anon 50000000\nfile 40000000\n"
        if since(.v6_1) { text += "kernel 8500000\n" }
        text += "kernel_stack 500000\npagetables 1000000\n"
        if since(.v6_1) { text += "sec_pagetables 0\n" }
        text += "percpu 0\nsock 500000\n"
        if since(.v6_1) { text += "vmalloc 0\n" }
        text += "shmem 4000000\n"
        if since(.v6_1) { text += "zswap 0\nzswapped 0\n" }
        text += """
            file_mapped 1000
            file_dirty 2000
            file_writeback 0
            swapcached 0
            anon_thp 2097152
            file_thp 0
            shmem_thp 0
            inactive_anon 49000000
            active_anon 1000000
            inactive_file 20000000
            active_file 16000000
            unevictable 0
            slab_reclaimable 5000000
            slab_unreclaimable 2000000
            slab 7000000
            workingset_refault_anon 1
            workingset_refault_file 2
            workingset_activate_anon 0
            workingset_activate_file 3

            """
        if since(.v6_1) { text += "pgscan 90\npgsteal 80\n" }
        if since(.v6_1) { text += "pgscan_kswapd 60\npgscan_direct 30\n" }
        text += "pgfault 1000\npgmajfault 10\n"
        if since(.v6_18) { text += "a_key_of_the_future 5\n" }
        return text
    }
}
