// SPDX-License-Identifier: Apache-2.0

/// What few other exporters have: reserves, events of the group itself, swap, processors and devices
/// given to it. By cAdvisor's names where it has any.
extension ContainerMetrics {
    /// Page cache and kernel objects that can be dropped: active and inactive file, reclaimable slab.
    public static let memoryReclaimable = MetricDescriptor(
        "container_memory_reclaimable_bytes", .gauge, unit: "bytes",
        help: "Page cache and kernel objects that can be dropped: active and inactive "
            + "file, reclaimable slab.",
        source: "memory.stat")
    /// Usage less what can be dropped; without swap this is what the limit must hold.
    public static let memoryUnreclaimable = MetricDescriptor(
        "container_memory_unreclaimable_bytes", .gauge, unit: "bytes",
        help: "Usage less what can be dropped; without swap this is what the limit "
            + "must hold.",
        source: "memory.current - memory.stat")
    /// Usage that is neither anonymous, page cache, kernel nor network memory; with them it adds up to the usage.
    public static let memoryOther = MetricDescriptor(
        "container_memory_other_bytes", .gauge, unit: "bytes",
        help: "Usage that is neither anonymous, page cache, kernel nor network "
            + "memory; with them it adds up to the usage.",
        source: "memory.current - memory.stat anon, file, kernel, sock")
    /// Times its sockets were slowed down for want of memory.
    public static let memoryEventsSockThrottled = MetricDescriptor(
        "container_memory_events_sock_throttled_total", .counter,
        help: "Times its sockets were slowed down for want of memory.",
        source: "memory.events sock_throttled")
    /// Times reclaim reached below its own memory.low.
    public static let memoryEventsLocalLow = MetricDescriptor(
        "container_memory_events_local_low_total", .counter,
        help: "Times reclaim reached below its own memory.low.",
        source: "memory.events.local low")
    /// Throttles for exceeding its own memory.high.
    public static let memoryEventsLocalHigh = MetricDescriptor(
        "container_memory_events_local_high_total", .counter,
        help: "Throttles for exceeding its own memory.high.",
        source: "memory.events.local high")
    /// Times its own memory.max was about to be exceeded.
    public static let memoryEventsLocalMax = MetricDescriptor(
        "container_memory_events_local_max_total", .counter,
        help: "Times its own memory.max was about to be exceeded.",
        source: "memory.events.local max")
    /// Times its own limit was reached and an allocation was about to fail.
    public static let memoryEventsLocalOom = MetricDescriptor(
        "container_memory_events_local_oom_total", .counter,
        help: "Times its own limit was reached and an allocation was about to fail.",
        source: "memory.events.local oom")
    /// Processes of the group itself killed for want of memory.
    public static let memoryEventsLocalOomKill = MetricDescriptor(
        "container_memory_events_local_oom_kill_total", .counter,
        help: "Processes of the group itself killed for want of memory.",
        source: "memory.events.local oom_kill")
    /// The most swap it ever used.
    public static let memorySwapPeak = MetricDescriptor(
        "container_memory_swap_max_usage_bytes", .gauge, unit: "bytes",
        help: "The most swap it ever used.",
        source: "memory.swap.peak")
    /// Times it was over memory.swap.high.
    public static let memorySwapEventsHigh = MetricDescriptor(
        "container_memory_swap_events_high_total", .counter,
        help: "Times it was over memory.swap.high.",
        source: "memory.swap.events high")
    /// Times its swap limit was about to be exceeded.
    public static let memorySwapEventsMax = MetricDescriptor(
        "container_memory_swap_events_max_total", .counter,
        help: "Times its swap limit was about to be exceeded.",
        source: "memory.swap.events max")
    /// Times no swap could be had.
    public static let memorySwapEventsFail = MetricDescriptor(
        "container_memory_swap_events_fail_total", .counter,
        help: "Times no swap could be had.",
        source: "memory.swap.events fail")
    /// Memory that its compressed swap takes.
    public static let memoryZswapCurrent = MetricDescriptor(
        "container_memory_zswap_usage_bytes", .gauge, unit: "bytes",
        help: "Memory that its compressed swap takes.",
        source: "memory.zswap.current")
    /// User time of processes that were made nice.
    public static let cpuNice = MetricDescriptor(
        "container_cpu_nice_seconds_total", .counter, unit: "seconds",
        help: "User time of processes that were made nice.",
        source: "cpu.stat nice_usec")
    /// Time a sibling thread of a core was kept idle for its sake.
    public static let cpuForcedIdle = MetricDescriptor(
        "container_cpu_forced_idle_seconds_total", .counter, unit: "seconds",
        help: "Time a sibling thread of a core was kept idle for its sake.",
        source: "cpu.stat core_sched.force_idle_usec")
    /// Time it was held back by its own quota or one above it.
    public static let cpuLocalThrottled = MetricDescriptor(
        "container_cpu_throttled_local_seconds_total", .counter, unit: "seconds",
        help: "Time it was held back by its own quota or one above it.",
        source: "cpu.stat.local throttled_usec")
    /// The most processes and threads it ever had.
    public static let pidsPeak = MetricDescriptor(
        "container_threads_peak", .gauge,
        help: "The most processes and threads it ever had.",
        source: "pids.peak")
    /// Forks that failed for a pids limit in it or below it.
    public static let pidsMaxEvents = MetricDescriptor(
        "container_pids_events_max_total", .counter,
        help: "Forks that failed for a pids limit in it or below it.",
        source: "pids.events max")
    /// Forks that failed for its own pids limit.
    public static let pidsLocalMaxEvents = MetricDescriptor(
        "container_pids_events_local_max_total", .counter,
        help: "Forks that failed for its own pids limit.",
        source: "pids.events.local max")
    /// Time no task could make progress because of interrupts.
    public static let irqStalled = MetricDescriptor(
        "container_pressure_irq_stalled_seconds_total", .counter, unit: "seconds",
        help: "Time no task could make progress because of interrupts.",
        source: "irq.pressure full total")
    /// Cgroups below it.
    public static let descendants = MetricDescriptor(
        "container_cgroup_descendants", .gauge,
        help: "Cgroups below it.",
        source: "cgroup.stat nr_descendants")
    /// Removed cgroups below it that memory still belongs to.
    public static let dyingDescendants = MetricDescriptor(
        "container_cgroup_dying_descendants", .gauge,
        help: "Removed cgroups below it that memory still belongs to.",
        source: "cgroup.stat nr_dying_descendants")
    /// 1 when it is paused by the freezer.
    public static let frozen = MetricDescriptor(
        "container_frozen", .gauge,
        help: "1 when it is paused by the freezer.",
        source: "cgroup.events frozen")
    /// Time it was paused.
    public static let frozenSeconds = MetricDescriptor(
        "container_frozen_seconds_total", .counter, unit: "seconds",
        help: "Time it was paused.",
        source: "cgroup.stat.local frozen_usec")
    /// Above this its processes are slowed down; absent without a limit.
    public static let specMemoryHigh = MetricDescriptor(
        "container_spec_memory_high_bytes", .gauge, unit: "bytes",
        help: "Above this its processes are slowed down; absent without a limit.",
        source: "memory.high")
    /// Memory reservation limit for the container: the larger of memory.min and memory.low.
    public static let specMemoryReservation = MetricDescriptor(
        "container_spec_memory_reservation_limit_bytes", .gauge, unit: "bytes",
        help: "Memory reservation limit for the container: the larger of memory.min "
            + "and memory.low.",
        source: "memory.min, memory.low")
    /// Memory swap limit for the container; absent without a limit.
    public static let specSwapLimit = MetricDescriptor(
        "container_spec_memory_swap_limit_bytes", .gauge, unit: "bytes",
        help: "Memory swap limit for the container; absent without a limit.",
        source: "memory.swap.max")
    /// Limit of its compressed swap; absent without one.
    public static let specZswapLimit = MetricDescriptor(
        "container_spec_memory_zswap_limit_bytes", .gauge, unit: "bytes",
        help: "Limit of its compressed swap; absent without one.",
        source: "memory.zswap.max")
    /// 1 when all of it is killed together for want of memory.
    public static let specOomGroup = MetricDescriptor(
        "container_spec_memory_oom_group", .gauge,
        help: "1 when all of it is killed together for want of memory.",
        source: "memory.oom.group")
    /// CPU share of the container, as runc since 1.3 converts weights: weight 100 is 1024.
    public static let specCPUShares = MetricDescriptor(
        "container_spec_cpu_shares", .gauge,
        help: "CPU share of the container, as runc since 1.3 converts weights: weight "
            + "100 is 1024.",
        source: "cpu.weight")
    /// CPU weight, 1 to 10000; 100 by default.
    public static let specCPUWeight = MetricDescriptor(
        "container_spec_cpu_weight", .gauge,
        help: "CPU weight, 1 to 10000; 100 by default.",
        source: "cpu.weight")
    /// IO weight, 1 to 10000; 100 by default.
    public static let specIOWeight = MetricDescriptor(
        "container_spec_io_weight", .gauge,
        help: "IO weight, 1 to 10000; 100 by default.",
        source: "io.weight, io.bfq.weight")
    /// Bytes a second that it may read from, or write to, a device; absent without a limit.
    public static let specIOBytes = MetricDescriptor(
        "container_spec_io_limit_bytes_per_second", .gauge, unit: "bytes_per_second",
        help: "Bytes a second that it may read from, or write to, a device; absent "
            + "without a limit.",
        source: "io.max")
    /// Operations a second that it may do on a device; absent without a limit.
    public static let specIOOperations = MetricDescriptor(
        "container_spec_io_limit_operations_per_second", .gauge,
        help: "Operations a second that it may do on a device; absent without a limit.",
        source: "io.max")
    /// Latency of a device beyond which others are held back for it; absent without a target.
    public static let specIOLatency = MetricDescriptor(
        "container_spec_io_latency_target_seconds", .gauge, unit: "seconds",
        help: "Latency of a device beyond which others are held back for it; absent "
            + "without a target.",
        source: "io.latency")
    /// 1 when it runs only on processors that are idle.
    public static let specCPUIdle = MetricDescriptor(
        "container_spec_cpu_idle", .gauge,
        help: "1 when it runs only on processors that are idle.",
        source: "cpu.idle")
    /// CPU time it may save up for a burst.
    public static let specCPUBurst = MetricDescriptor(
        "container_spec_cpu_burst_seconds", .gauge, unit: "seconds",
        help: "CPU time it may save up for a burst.",
        source: "cpu.max.burst")
    /// Processors it may run on.
    public static let effectiveCPUs = MetricDescriptor(
        "container_cpuset_cpus", .gauge,
        help: "Processors it may run on.",
        source: "cpuset.cpus.effective")
    /// Memory nodes it may use.
    public static let effectiveNodes = MetricDescriptor(
        "container_cpuset_memory_nodes", .gauge,
        help: "Memory nodes it may use.",
        source: "cpuset.mems.effective")
    /// Current hugepage usage in bytes.
    public static let hugetlbUsage = MetricDescriptor(
        "container_hugetlb_usage_bytes", .gauge, unit: "bytes",
        help: "Current hugepage usage in bytes.",
        source: "hugetlb.SIZE.current")
    /// Limit of hugepages of the size; absent without one.
    public static let hugetlbLimit = MetricDescriptor(
        "container_hugetlb_limit_bytes", .gauge, unit: "bytes",
        help: "Limit of hugepages of the size; absent without one.",
        source: "hugetlb.SIZE.max")
    /// Number of hugepage usage hits limits.
    public static let hugetlbFailures = MetricDescriptor(
        "container_hugetlb_failcnt", .counter,
        help: "Number of hugepage usage hits limits.",
        source: "hugetlb.SIZE.events max")
    /// RDMA handles in use.
    public static let rdmaHandles = MetricDescriptor(
        "container_rdma_handles", .gauge,
        help: "RDMA handles in use.",
        source: "rdma.current hca_handle")
    /// RDMA objects in use.
    public static let rdmaObjects = MetricDescriptor(
        "container_rdma_objects", .gauge,
        help: "RDMA objects in use.",
        source: "rdma.current hca_object")
    /// Memory of the container on one node of a host that has several.
    public static let memoryNUMA = MetricDescriptor(
        "container_memory_numa_bytes", .gauge, unit: "bytes",
        help: "Memory of the container on one node of a host that has several.",
        source: "memory.numa_stat")
    /// Units of a scarce resource of the host in use, such as ids of encrypted guests.
    public static let miscUsage = MetricDescriptor(
        "container_misc_usage", .gauge,
        help: "Units of a scarce resource of the host in use, such as ids of "
            + "encrypted guests.",
        source: "misc.current")
    /// Limit of that resource; absent without one.
    public static let miscLimit = MetricDescriptor(
        "container_misc_limit", .gauge,
        help: "Limit of that resource; absent without one.",
        source: "misc.max")
    /// Memory of a device in use, such as a graphics card's.
    public static let deviceMemory = MetricDescriptor(
        "container_device_memory_usage_bytes", .gauge, unit: "bytes",
        help: "Memory of a device in use, such as a graphics card's.",
        source: "dmem.current")
    /// Cumulative count of bytes discarded.
    public static let fsDiscardBytes = MetricDescriptor(
        "container_fs_discards_bytes_total", .counter, unit: "bytes",
        help: "Cumulative count of bytes discarded.",
        source: "io.stat dbytes")
    /// Cumulative count of discards.
    public static let fsDiscards = MetricDescriptor(
        "container_fs_discards_total", .counter,
        help: "Cumulative count of discards.",
        source: "io.stat dios")
    /// Device time used, as io.cost reckons it.
    public static let fsCostUsage = MetricDescriptor(
        "container_fs_io_cost_usage_seconds_total", .counter, unit: "seconds",
        help: "Device time used, as io.cost reckons it.",
        source: "io.stat cost.usage")
    /// Time waited for a budget of io.cost.
    public static let fsCostWait = MetricDescriptor(
        "container_fs_io_cost_wait_seconds_total", .counter, unit: "seconds",
        help: "Time waited for a budget of io.cost.",
        source: "io.stat cost.wait")
    /// Time in debt of io.cost.
    public static let fsCostInDebt = MetricDescriptor(
        "container_fs_io_cost_indebt_seconds_total", .counter, unit: "seconds",
        help: "Time in debt of io.cost.",
        source: "io.stat cost.indebt")
    /// Time delayed by debt of io.cost.
    public static let fsCostInDelay = MetricDescriptor(
        "container_fs_io_cost_indelay_seconds_total", .counter, unit: "seconds",
        help: "Time delayed by debt of io.cost.",
        source: "io.stat cost.indelay")
    /// Share of the last ten seconds in which some task waited for a resource.
    public static func pressureWaitingRatio(_ resource: String) -> MetricDescriptor {
        MetricDescriptor(
            "container_pressure_\(resource)_waiting_ratio", .gauge, unit: "ratio",
            help: "Share of the last ten seconds in which some task waited for \(resource).",
            source: "\(resource).pressure some avg10")
    }
    /// Share of the last ten seconds in which all tasks waited for a resource.
    public static func pressureStalledRatio(_ resource: String) -> MetricDescriptor {
        MetricDescriptor(
            "container_pressure_\(resource)_stalled_ratio", .gauge, unit: "ratio",
            help: "Share of the last ten seconds in which all tasks waited for \(resource).",
            source: "\(resource).pressure full avg10")
    }

    /// Of each device: bytes and operations, read, written and discarded.
    public static let fsDevice: [MetricDescriptor] = [
        fsReadsBytes, fsWritesBytes, fsReads, fsWrites, fsDiscardBytes, fsDiscards,
    ]
    /// Of each device when io.cost is on.
    public static let fsCost: [MetricDescriptor] = [
        fsCostUsage, fsCostWait, fsCostInDebt, fsCostInDelay,
    ]

    /// How it fares in a check of its confinement, with `check` and `severity`.
    public static let auditCheck = MetricDescriptor(
        "ullage_audit_check", .gauge,
        help: "1 when the container passes the check, 0 when it fails; absent when unknown.",
        source: "/proc/PID/status, mountinfo, ns")
    /// The number of a namespace it is in, with `namespace` and `shared_with_host`.
    public static let namespace = MetricDescriptor(
        "container_namespace_inode", .gauge,
        help: "Number of the namespace; containers with the same one share it.",
        source: "/proc/PID/ns")
    /// Number of processes running inside the container.
    public static let processes = MetricDescriptor(
        "container_processes", .gauge,
        help: "Number of processes running inside the container.",
        source: "cgroup.procs")
    /// Number of open file descriptors for the container.
    public static let fileDescriptors = MetricDescriptor(
        "container_file_descriptors", .gauge,
        help: "Number of open file descriptors for the container.",
        source: "/proc/PID/fd")
    /// TCP sockets in its network namespace, by tcp_state; of both versions of IP.
    public static let tcpSockets = MetricDescriptor(
        "container_network_tcp_usage_total", .gauge,
        help: "TCP sockets in its network namespace, by tcp_state; of both versions of IP.",
        source: "sock_diag")
    /// TCP segments sent again in its network namespace.
    public static let tcpRetransmits = MetricDescriptor(
        "container_network_tcp_retransmits_total", .counter,
        help: "TCP segments sent again in its network namespace.",
        source: "/proc/PID/net/snmp RetransSegs")
    /// Connections that the kernel tracks in its network namespace.
    public static let trackedConnections = MetricDescriptor(
        "container_network_conntrack_entries", .gauge,
        help: "Connections that the kernel tracks in its network namespace.",
        source: "/proc/PID/net/stat/nf_conntrack")
    /// Bytes that its writable layer has on disk.
    public static let fsUsage = MetricDescriptor(
        "container_fs_usage_bytes", .gauge, unit: "bytes",
        help: "Bytes that its writable layer has on disk.",
        source: "walk of the overlay's upper directory")
    /// Size of the file system that its writable layer is on.
    public static let fsLimit = MetricDescriptor(
        "container_fs_limit_bytes", .gauge, unit: "bytes",
        help: "Size of the file system that its writable layer is on.",
        source: "statvfs")
    /// Files and directories in its writable layer.
    public static let fsInodes = MetricDescriptor(
        "container_fs_inodes_used", .gauge,
        help: "Files and directories in its writable layer.",
        source: "walk of the overlay's upper directory")
    /// Bytes of its log files on disk, older ones included.
    public static let logFileBytes = MetricDescriptor(
        "ullage_log_file_bytes", .gauge, unit: "bytes",
        help: "Bytes of its log files on disk, older ones included.",
        source: "stat")
}
