// SPDX-License-Identifier: Apache-2.0

/// Measured of each container beyond the core of cAdvisor's table: its newer names where it has
/// them, names of the same pattern where it has none.
extension ContainerMetrics {
    /// Stacks of its threads in the kernel.
    public static let memoryKernelStack = MetricDescriptor(
        "container_memory_kernel_stack_bytes", .gauge, unit: "bytes",
        help: "Stacks of its threads in the kernel.",
        source: "memory.stat kernel_stack")
    /// Page tables.
    public static let memoryPageTables = MetricDescriptor(
        "container_memory_pagetables_bytes", .gauge, unit: "bytes",
        help: "Page tables.",
        source: "memory.stat pagetables")
    /// Network buffers.
    public static let memorySock = MetricDescriptor(
        "container_memory_sock_bytes", .gauge, unit: "bytes",
        help: "Network buffers.",
        source: "memory.stat sock")
    /// Shared memory and tmpfs, which cannot be dropped.
    public static let memoryShmem = MetricDescriptor(
        "container_memory_shmem_bytes", .gauge, unit: "bytes",
        help: "Shared memory and tmpfs, which cannot be dropped.",
        source: "memory.stat shmem")
    /// Page cache to be written.
    public static let memoryFileDirty = MetricDescriptor(
        "container_memory_file_dirty_bytes", .gauge, unit: "bytes",
        help: "Page cache to be written.",
        source: "memory.stat file_dirty")
    /// Page cache being written.
    public static let memoryFileWriteback = MetricDescriptor(
        "container_memory_file_writeback_bytes", .gauge, unit: "bytes",
        help: "Page cache being written.",
        source: "memory.stat file_writeback")
    /// Anonymous memory in use.
    public static let memoryActiveAnon = MetricDescriptor(
        "container_memory_active_anon_bytes", .gauge, unit: "bytes",
        help: "Anonymous memory in use.",
        source: "memory.stat active_anon")
    /// Anonymous memory that is swapped first.
    public static let memoryInactiveAnon = MetricDescriptor(
        "container_memory_inactive_anon_bytes", .gauge, unit: "bytes",
        help: "Anonymous memory that is swapped first.",
        source: "memory.stat inactive_anon")
    /// Memory that is locked.
    public static let memoryUnevictable = MetricDescriptor(
        "container_memory_unevictable_bytes", .gauge, unit: "bytes",
        help: "Memory that is locked.",
        source: "memory.stat unevictable")
    /// Kernel objects that can be dropped.
    public static let memorySlabReclaimable = MetricDescriptor(
        "container_memory_slab_reclaimable_bytes", .gauge, unit: "bytes",
        help: "Kernel objects that can be dropped.",
        source: "memory.stat slab_reclaimable")
    /// Kernel objects that cannot be dropped.
    public static let memorySlabUnreclaimable = MetricDescriptor(
        "container_memory_slab_unreclaimable_bytes", .gauge, unit: "bytes",
        help: "Kernel objects that cannot be dropped.",
        source: "memory.stat slab_unreclaimable")
    /// Compressed swap in memory.
    public static let memoryZswap = MetricDescriptor(
        "container_memory_zswap_bytes", .gauge, unit: "bytes",
        help: "Compressed swap in memory.",
        source: "memory.stat zswap")
    /// Pages that reclaim looked at.
    public static let memoryPgscan = MetricDescriptor(
        "container_memory_pgscan_total", .counter,
        help: "Pages that reclaim looked at.",
        source: "memory.stat pgscan")
    /// Pages that reclaim took.
    public static let memoryPgsteal = MetricDescriptor(
        "container_memory_pgsteal_total", .counter,
        help: "Pages that reclaim took.",
        source: "memory.stat pgsteal")
    /// Pages that a process had to look at itself, and waited.
    public static let memoryPgscanDirect = MetricDescriptor(
        "container_memory_pgscan_direct_total", .counter,
        help: "Pages that a process had to look at itself, and waited.",
        source: "memory.stat pgscan_direct")
    /// Page cache read again soon after it was dropped.
    public static let memoryRefaultFile = MetricDescriptor(
        "container_memory_workingset_refault_file_total", .counter,
        help: "Page cache read again soon after it was dropped.",
        source: "memory.stat workingset_refault_file")
    /// Anonymous pages read again soon after they were swapped.
    public static let memoryRefaultAnon = MetricDescriptor(
        "container_memory_workingset_refault_anon_total", .counter,
        help: "Anonymous pages read again soon after they were swapped.",
        source: "memory.stat workingset_refault_anon")
    /// Times reclaim reached below memory.low.
    public static let memoryEventsLow = MetricDescriptor(
        "container_memory_events_low_total", .counter,
        help: "Times reclaim reached below memory.low.",
        source: "memory.events low")
    /// Times the limit was reached and an allocation was about to fail.
    public static let memoryEventsOom = MetricDescriptor(
        "container_memory_events_oom_total", .counter,
        help: "Times the limit was reached and an allocation was about to fail.",
        source: "memory.events oom")
    /// Processes killed for want of memory.
    public static let memoryEventsOomKill = MetricDescriptor(
        "container_memory_events_oom_kill_total", .counter,
        help: "Processes killed for want of memory.",
        source: "memory.events oom_kill")
    /// Times the whole group was killed for want of memory.
    public static let memoryEventsOomGroupKill = MetricDescriptor(
        "container_memory_events_oom_group_kill_total", .counter,
        help: "Times the whole group was killed for want of memory.",
        source: "memory.events oom_group_kill")
    /// Periods in which the container used time it had saved up.
    public static let cfsBurstPeriods = MetricDescriptor(
        "container_cpu_cfs_burst_periods_total", .counter,
        help: "Periods in which the container used time it had saved up.",
        source: "cpu.stat nr_bursts")
    /// Saved-up time the container used.
    public static let cfsBurstSeconds = MetricDescriptor(
        "container_cpu_cfs_burst_seconds_total", .counter, unit: "seconds",
        help: "Saved-up time the container used.",
        source: "cpu.stat burst_usec")
    /// 1 when the health check passes, 0 when it does not; absent without one.
    public static let healthState = MetricDescriptor(
        "container_health_state", .gauge,
        help: "1 when the health check passes, 0 when it does not; absent without one.",
        source: "engine")
    /// How often the engine has started the container again.
    public static let restarts = MetricDescriptor(
        "container_restarts_total", .counter,
        help: "How often the engine has started the container again.",
        source: "engine")
}
