// SPDX-License-Identifier: Apache-2.0

/// The parts of a v2 `memory.stat` beyond cAdvisor's (cgroup-v2.rst, "memory.stat"). nil where the
/// kernel does not have the key.
public struct MemoryParts: Hashable, Sendable {
    /// Stacks of its threads in the kernel, in bytes.
    public var kernelStack: Int64?
    /// Page tables, in bytes.
    public var pageTables: Int64?
    /// Network buffers, in bytes.
    public var sock: Int64?
    /// Shared memory and tmpfs, which cannot be dropped, in bytes.
    public var shmem: Int64?
    /// Page cache to be written, in bytes.
    public var fileDirty: Int64?
    /// Page cache being written, in bytes.
    public var fileWriteback: Int64?
    /// Anonymous memory in use, in bytes.
    public var activeAnon: Int64?
    /// Anonymous memory that is swapped first, in bytes.
    public var inactiveAnon: Int64?
    /// Memory that is locked, in bytes.
    public var unevictable: Int64?
    /// Kernel objects that can be dropped, in bytes.
    public var slabReclaimable: Int64?
    /// Kernel objects that cannot be dropped, in bytes.
    public var slabUnreclaimable: Int64?
    /// Compressed swap in memory, in bytes.
    public var zswap: Int64?
    /// Pages that reclaim looked at; counts pages.
    public var pgscan: Int64?
    /// Pages that reclaim took; counts pages.
    public var pgsteal: Int64?
    /// Pages that a process had to look at itself, and waited; counts pages.
    public var pgscanDirect: Int64?
    /// Page cache read again soon after it was dropped; counts pages.
    public var refaultFile: Int64?
    /// Anonymous pages read again soon after they were swapped; counts pages.
    public var refaultAnon: Int64?

    /// Nothing known.
    public init() {}

    mutating func take(_ key: UnsafeRawBufferPointer, _ value: Int64) {
        if key.equals("kernel_stack") { kernelStack = value }
        if key.equals("pagetables") { pageTables = value }
        if key.equals("sock") { sock = value }
        if key.equals("shmem") { shmem = value }
        if key.equals("file_dirty") { fileDirty = value }
        if key.equals("file_writeback") { fileWriteback = value }
        if key.equals("active_anon") { activeAnon = value }
        if key.equals("inactive_anon") { inactiveAnon = value }
        if key.equals("unevictable") { unevictable = value }
        if key.equals("slab_reclaimable") { slabReclaimable = value }
        if key.equals("slab_unreclaimable") { slabUnreclaimable = value }
        if key.equals("zswap") { zswap = value }
        if key.equals("pgscan") { pgscan = value }
        if key.equals("pgsteal") { pgsteal = value }
        if key.equals("pgscan_direct") { pgscanDirect = value }
        if key.equals("workingset_refault_file") { refaultFile = value }
        if key.equals("workingset_refault_anon") { refaultAnon = value }
    }
}
