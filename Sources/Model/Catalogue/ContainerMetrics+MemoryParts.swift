// SPDX-License-Identifier: Apache-2.0

extension ContainerMetrics {
    /// A metric that is a key of `memory.stat`.
    public struct MemoryPart: Sendable {
        /// The key.
        public let key: String
        /// The metric.
        public let metric: MetricDescriptor
        /// Whether it is left out until it is not 0 for the first time: most containers never have
        /// it, and a series of zeros costs as much as another.
        public let isSparse: Bool
    }

    /// The parts of `memory.stat` beyond cAdvisor's core: `container_memory_KEY_bytes` and
    /// `container_memory_KEY_total`, as cAdvisor calls those that it has.
    public static let memoryParts: [MemoryPart] = [
        gauge("kernel_stack", "Stacks of its threads in the kernel."),
        gauge("pagetables", "Page tables."),
        gauge("sec_pagetables", "Page tables of virtual machines and devices.", isSparse: true),
        gauge("percpu", "Kernel memory that each processor has a copy of."),
        gauge("sock", "Network buffers."),
        gauge("vmalloc", "Kernel memory mapped page by page.", isSparse: true),
        gauge("shmem", "Shared memory and tmpfs, which cannot be dropped."),
        gauge("zswap", "Compressed swap in memory."),
        gauge("zswapped", "Memory that was compressed into zswap.", isSparse: true),
        gauge("file_dirty", "Page cache to be written."),
        gauge("file_writeback", "Page cache being written."),
        gauge("swapcached", "Swap that is in memory, too.", isSparse: true),
        gauge("anon_thp", "Anonymous memory in huge pages.", isSparse: true),
        gauge("file_thp", "Page cache in huge pages.", isSparse: true),
        gauge("shmem_thp", "Shared memory in huge pages.", isSparse: true),
        gauge("active_anon", "Anonymous memory in use."),
        gauge("inactive_anon", "Anonymous memory that is swapped first."),
        gauge("unevictable", "Memory that is locked."),
        gauge("slab_reclaimable", "Kernel objects that can be dropped."),
        gauge("slab_unreclaimable", "Kernel objects that cannot be dropped."),
        gauge(
            "hugetlb", "Memory in hugetlb pages, where it is accounted to memory.", isSparse: true),
        counter(
            "workingset_refault_anon", "Anonymous pages read again soon after they were swapped."),
        counter("workingset_refault_file", "Page cache read again soon after it was dropped."),
        counter(
            "workingset_activate_anon",
            "Refaulted anonymous pages that were taken for in use at once.", isSparse: true),
        counter(
            "workingset_activate_file", "Refaulted page cache that was taken for in use at once.",
            isSparse: true),
        counter(
            "workingset_restore_anon",
            "Anonymous pages found to be in use before they were dropped.", isSparse: true),
        counter(
            "workingset_restore_file", "Page cache found to be in use before it was dropped.",
            isSparse: true),
        counter(
            "workingset_nodereclaim", "Times the shadows of dropped pages were dropped.",
            isSparse: true),
        counter("pgscan", "Pages that reclaim looked at."),
        counter("pgsteal", "Pages that reclaim took."),
        counter("pgscan_kswapd", "Pages that reclaim in the background looked at.", isSparse: true),
        counter("pgscan_direct", "Pages that a process had to look at itself, and waited."),
        counter("pgscan_khugepaged", "Pages looked at to make huge pages.", isSparse: true),
        counter(
            "pgscan_proactive", "Pages looked at because memory.reclaim was written to.",
            isSparse: true),
        counter("pgsteal_kswapd", "Pages that reclaim in the background took.", isSparse: true),
        counter("pgsteal_direct", "Pages that a process had to take itself, and waited."),
        counter("pgsteal_khugepaged", "Pages taken to make huge pages.", isSparse: true),
        counter(
            "pgsteal_proactive", "Pages taken because memory.reclaim was written to.",
            isSparse: true),
        counter("pgrefill", "Active pages that reclaim looked at.", isSparse: true),
        counter("pgactivate", "Pages that were found to be in use.", isSparse: true),
        counter("pgdeactivate", "Pages that were found to be no longer in use.", isSparse: true),
        counter("pglazyfree", "Pages that may be dropped when memory is short.", isSparse: true),
        counter("pglazyfreed", "Such pages that were dropped.", isSparse: true),
        counter("pswpin", "Pages read from swap.", isSparse: true),
        counter("pswpout", "Pages written to swap.", isSparse: true),
        counter("zswpin", "Pages read from zswap.", isSparse: true),
        counter("zswpout", "Pages compressed into zswap.", isSparse: true),
        counter("zswpwb", "Pages written from zswap to swap.", isSparse: true),
        counter("thp_fault_alloc", "Huge pages made at a page fault.", isSparse: true),
        counter("thp_collapse_alloc", "Huge pages made of small ones.", isSparse: true),
        counter(
            "pgdemote_kswapd", "Pages moved to slower memory in the background.", isSparse: true),
        counter(
            "pgdemote_direct", "Pages that a process had to move to slower memory itself.",
            isSparse: true),
    ]

    private static func gauge(
        _ key: String, _ help: String, isSparse: Bool = false
    ) -> MemoryPart {
        MemoryPart(
            key: key,
            metric: MetricDescriptor(
                "container_memory_\(key)_bytes", .gauge, unit: "bytes", help: help,
                source: "memory.stat \(key)"), isSparse: isSparse)
    }

    private static func counter(
        _ key: String, _ help: String, isSparse: Bool = false
    ) -> MemoryPart {
        MemoryPart(
            key: key,
            metric: MetricDescriptor(
                "container_memory_\(key)_total", .counter, help: help,
                source: "memory.stat \(key)"), isSparse: isSparse)
    }
}
