// SPDX-License-Identifier: Apache-2.0

/// The keys of `memory.stat` that are read (cgroup-v2.rst, "memory.stat"), in the kernel's words.
public enum MemoryKey: UInt8, CaseIterable, Sendable {
    /// `anon`.
    case anon
    /// `file`.
    case file
    /// `kernel`.
    case kernel
    /// `file_mapped`.
    case fileMapped
    /// `active_file`.
    case activeFile
    /// `inactive_file`.
    case inactiveFile
    /// `pgfault`.
    case faults
    /// `pgmajfault`.
    case majorFaults
    /// `kernel_stack`.
    case kernelStack
    /// `pagetables`.
    case pageTables
    /// `sec_pagetables`.
    case secondPageTables
    /// `percpu`.
    case perCPU
    /// `sock`.
    case sock
    /// `vmalloc`.
    case vmalloc
    /// `shmem`.
    case shmem
    /// `zswap`.
    case zswap
    /// `zswapped`.
    case zswapped
    /// `file_dirty`.
    case fileDirty
    /// `file_writeback`.
    case fileWriteback
    /// `swapcached`.
    case swapCached
    /// `anon_thp`.
    case anonHuge
    /// `file_thp`.
    case fileHuge
    /// `shmem_thp`.
    case shmemHuge
    /// `active_anon`.
    case activeAnon
    /// `inactive_anon`.
    case inactiveAnon
    /// `unevictable`.
    case unevictable
    /// `slab_reclaimable`.
    case slabReclaimable
    /// `slab_unreclaimable`.
    case slabUnreclaimable
    /// `hugetlb`.
    case hugetlb
    /// `workingset_refault_anon`.
    case refaultAnon
    /// `workingset_refault_file`.
    case refaultFile
    /// `workingset_activate_anon`.
    case activateAnon
    /// `workingset_activate_file`.
    case activateFile
    /// `workingset_restore_anon`.
    case restoreAnon
    /// `workingset_restore_file`.
    case restoreFile
    /// `workingset_nodereclaim`.
    case nodeReclaim
    /// `pgscan`.
    case pgscan
    /// `pgsteal`.
    case pgsteal
    /// `pgscan_kswapd`.
    case pgscanKswapd
    /// `pgscan_direct`.
    case pgscanDirect
    /// `pgscan_khugepaged`.
    case pgscanKhugepaged
    /// `pgscan_proactive`.
    case pgscanProactive
    /// `pgsteal_kswapd`.
    case pgstealKswapd
    /// `pgsteal_direct`.
    case pgstealDirect
    /// `pgsteal_khugepaged`.
    case pgstealKhugepaged
    /// `pgsteal_proactive`.
    case pgstealProactive
    /// `pgrefill`.
    case pgrefill
    /// `pgactivate`.
    case pgactivate
    /// `pgdeactivate`.
    case pgdeactivate
    /// `pglazyfree`.
    case pglazyfree
    /// `pglazyfreed`.
    case pglazyfreed
    /// `pswpin`.
    case swapIn
    /// `pswpout`.
    case swapOut
    /// `zswpin`.
    case zswapIn
    /// `zswpout`.
    case zswapOut
    /// `zswpwb`.
    case zswapWriteback
    /// `thp_fault_alloc`.
    case hugeFault
    /// `thp_collapse_alloc`.
    case hugeCollapse
    /// `pgdemote_kswapd`.
    case demoteKswapd
    /// `pgdemote_direct`.
    case demoteDirect

    /// The key as the file has it.
    public var name: StaticString { Self.names[Int(rawValue)] }

    static let names: [StaticString] = [
        "anon", "file", "kernel", "file_mapped", "active_file", "inactive_file", "pgfault",
        "pgmajfault", "kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock", "vmalloc",
        "shmem", "zswap", "zswapped", "file_dirty", "file_writeback", "swapcached", "anon_thp",
        "file_thp", "shmem_thp", "active_anon", "inactive_anon", "unevictable", "slab_reclaimable",
        "slab_unreclaimable", "hugetlb", "workingset_refault_anon", "workingset_refault_file",
        "workingset_activate_anon", "workingset_activate_file", "workingset_restore_anon",
        "workingset_restore_file", "workingset_nodereclaim", "pgscan", "pgsteal", "pgscan_kswapd",
        "pgscan_direct", "pgscan_khugepaged", "pgscan_proactive", "pgsteal_kswapd",
        "pgsteal_direct", "pgsteal_khugepaged", "pgsteal_proactive", "pgrefill", "pgactivate",
        "pgdeactivate", "pglazyfree", "pglazyfreed", "pswpin", "pswpout", "zswpin", "zswpout",
        "zswpwb", "thp_fault_alloc", "thp_collapse_alloc", "pgdemote_kswapd", "pgdemote_direct",
    ]
}

/// One reading of `memory.stat`: bytes, but for what counts pages and faults.
public struct MemoryStat: Sendable {
    /// By `MemoryKey`; `Int64.min` where the kernel does not have the key.
    @usableFromInline
    var values = InlineArray<60, Int64>(repeating: .min)
    /// Swap in use; v1 only, v2 has a file of its own.
    public var swap: Int64?

    /// Nothing known.
    public init() {}

    /// The value of a key; nil where the kernel does not have it.
    public subscript(key: MemoryKey) -> Int64? {
        @inlinable @inline(__always)
        get {
            let value = values[Int(key.rawValue)]
            return value == .min ? nil : value
        }
        set { values[Int(key.rawValue)] = newValue ?? .min }
    }

    /// Reads a v2 file. The order of its lines is the kernel's and stays, so `layout` remembers
    /// which key each line has, and a line costs one comparison.
    public init(v2 bytes: UnsafeRawBufferPointer, layout: inout KeyLayout) {
        layout.parse(bytes, MemoryKey.names) { values[$0] = $1 }
    }

    /// Reads a v1 file: the `total_` keys, which include the groups below. `layout` as for v2, but
    /// not the same one.
    public init(v1 bytes: UnsafeRawBufferPointer, layout: inout KeyLayout) {
        layout.parse(bytes, Self.names1) { slot, value in
            if slot < Self.keys1.count {
                values[Int(Self.keys1[slot].rawValue)] = value
            } else {
                swap = value
            }
        }
    }

    private static let names1: [StaticString] = [
        "total_rss", "total_cache", "total_mapped_file", "total_active_file",
        "total_inactive_file", "total_active_anon", "total_inactive_anon", "total_unevictable",
        "total_shmem", "total_dirty", "total_writeback", "total_pgfault", "total_pgmajfault",
        "total_swap",
    ]
    /// What those names mean, but for the last.
    private static let keys1: [MemoryKey] = [
        .anon, .file, .fileMapped, .activeFile, .inactiveFile, .activeAnon, .inactiveAnon,
        .unevictable, .shmem, .fileDirty, .fileWriteback, .faults, .majorFaults,
    ]

    /// Memory the kernel uses for the group: the kernel's own sum since Linux 5.18, before that
    /// the sum of its parts.
    public var kernelSum: Int64? {
        if let kernel = self[.kernel] { return kernel }
        let parts: [MemoryKey] = [
            .kernelStack, .pageTables, .secondPageTables, .perCPU, .vmalloc, .slabReclaimable,
            .slabUnreclaimable,
        ]
        let known = parts.compactMap { self[$0] }
        return known.isEmpty ? nil : known.reduce(0, &+)
    }

    /// Page cache and kernel objects that can be dropped.
    public var reclaimable: Int64? {
        guard let active = self[.activeFile], let inactive = self[.inactiveFile] else { return nil }
        return active &+ inactive &+ (self[.slabReclaimable] ?? 0)
    }
}

/// Which key each line of a file of `key value` lines has, learned from the file itself.
public struct KeyLayout: Sendable {
    /// By line; `unwanted` for a key that is not wanted.
    private var slots: [UInt8] = []
    /// Checksums of the keys that are not wanted, by line.
    private var unwanted: [UInt32] = []
    private static let unwantedSlot = 255

    /// Nothing learned.
    public init() {}

    mutating func parse(
        _ bytes: UnsafeRawBufferPointer, _ names: [StaticString], _ body: (Int, Int64) -> Void
    ) {
        var scanner = ByteScanner(bytes)
        var line = 0
        while !scanner.isAtEnd {
            let key = scanner.word()
            let slot = slot(of: key, line: line, names)
            if slot < names.count {
                scanner.skipBlanks()
                if let value = scanner.number() { body(slot, value) }
            }
            scanner.skipLine()
            line += 1
        }
    }

    private mutating func slot(
        of key: UnsafeRawBufferPointer, line: Int, _ names: [StaticString]
    ) -> Int {
        if line < slots.count {
            let known = Int(slots[line])
            if known < names.count, key.equals(names[known]) { return known }
            if known == Self.unwantedSlot, unwanted[line] == Self.checksum(key) { return known }
        }
        let found = names.firstIndex { key.equals($0) } ?? Self.unwantedSlot
        if line < 256 {
            while slots.count <= line {
                slots.append(UInt8(Self.unwantedSlot))
                unwanted.append(0)
            }
            slots[line] = UInt8(found)
            unwanted[line] = Self.checksum(key)
        }
        return found
    }

    /// FNV-1a (Fowler, Noll, Vo).
    private static func checksum(_ key: UnsafeRawBufferPointer) -> UInt32 {
        key.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}
