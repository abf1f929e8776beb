// SPDX-License-Identifier: Apache-2.0

import Linux

/// What changes seldom or is looked at seldom: read every ten seconds at most, and every minute what
/// does not change while no process of the group runs, and the limits; in between the last reading
/// stands.
struct CgroupExtras {
    /// Differs from reading to reading.
    var version = 0
    var memoryPeak: Int64?
    var swapPeak: Int64?
    var swapEvents = SwapEvents()
    var zswap: Int64?
    var localEvents = MemoryEvents()
    var localThrottled: Int64?
    var pidsPeak: Int64?
    var pidsMaxEvents: Int64?
    var pidsLocalMaxEvents: Int64?
    var irqPressure = Pressure()
    var descendants: Int64?
    var dyingDescendants: Int64?
    var frozen: Int64?
    var frozenMicroseconds: Int64?
    /// Values of which a group may have several, each with a name of its own.
    var hugetlb: [HugePages] = []
    var rdma: [(device: String, handles: Int64?, objects: Int64?)] = []
    var misc: [(resource: String, usage: Int64)] = []
    var miscLimits: [(resource: String, limit: Int64)] = []
    var deviceMemory: [(region: String, bytes: Int64)] = []
    /// By node, where there are several.
    var numa: [(type: String, node: String, bytes: Int64)] = []
    // Limits.
    var memoryHigh: Int64?
    var memoryLow: Int64?
    var memoryMin: Int64?
    var swapLimit: Int64?
    var zswapLimit: Int64?
    var oomGroup: Int64?
    var cpuWeight: Int64?
    var cpuIdle: Int64?
    var cpuBurst: Int64?
    var effectiveCPUs: Int64?
    var effectiveNodes: Int64?
    var ioWeight: Int64?
    /// By device.
    var ioLimits: [IOLimit] = []
    var ioLatencies: [(device: String, microseconds: Int64)] = []

    /// One limit of a device in `io.max`.
    struct IOLimit {
        var device: String
        var isRead: Bool
        var isBytes: Bool
        var perSecond: Int64
    }

    /// `memory.swap.events`.
    struct SwapEvents {
        var high: Int64?
        var max: Int64?
        var fail: Int64?
    }

    /// The pages of one size, from `hugetlb.SIZE.*`.
    struct HugePages {
        var size: String
        var usage: Int64?
        var limit: Int64?
        var failures: Int64?
    }

    /// Reads `key=value` lists by line: `mlx4_0 hca_handle=2 hca_object=2000`, or `key value`.
    static func named(
        _ bytes: UnsafeRawBufferPointer, _ body: (String, [(String, Int64?)]) -> Void
    ) {
        var scanner = ByteScanner(bytes)
        var lines = 0
        while !scanner.isAtEnd, lines < 64 {
            let name = String(decoding: scanner.word(), as: UTF8.self)
            var pairs: [(String, Int64?)] = []
            while scanner.current == 0x20, pairs.count < 16 {
                scanner.skipBlanks()
                if let plain = scanner.number() {
                    pairs.append(("", plain))
                    continue
                }
                let key = String(decoding: scanner.word(), as: UTF8.self)
                guard scanner.skip(0x3d) else { break }
                let value = scanner.number()
                if value == nil { _ = scanner.word() }
                pairs.append((key, value))
            }
            if !name.isEmpty { body(name, pairs) }
            scanner.skipLine()
            lines += 1
        }
    }

    /// How many a list such as `0-3,7` names.
    static func count(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var scanner = ByteScanner(bytes)
        var total: Int64 = 0
        while let first = scanner.number() {
            var last = first
            if scanner.skip(0x2d) { last = scanner.number() ?? first }
            guard last >= first, last < 1 << 20 else { return nil }
            total += last - first + 1
            guard scanner.skip(0x2c) else { break }
        }
        return total > 0 ? total : nil
    }
}

/// The files of `CgroupExtras`, opened when they are due, so that they cost no descriptors.
struct CgroupExtrasReader {
    private let slow: [(String, Item)]
    /// Those of `slow` that others than the group's processes change.
    private let unaided: [(String, Item)]
    private let limits: [(String, Item)]
    /// What the group had run when all was read last, and when all is read in any case.
    private var usage: Int64?
    private var allDue = -Double.infinity
    private var slowDue = -Double.infinity
    private var limitsDue = -Double.infinity
    private(set) var last = CgroupExtras()
    private let offset: Double

    enum Item {
        case memoryPeak, swapPeak, swapEvents, zswap, localEvents, localThrottled
        case pidsPeak, pidsEvents, pidsLocalEvents, irq, stat, events, localStat
        case hugetlbUsage(Int), hugetlbLimit(Int), hugetlbEvents(Int)
        case rdma, misc, miscMax, dmem, numa
        case high, low, min, swapMax, zswapMax, oomGroup, weight, idle, burst, cpus, nodes
        case ioMax, ioLatency, ioWeight
    }

    private static let slowFiles: [(String, Item)] = [
        ("memory.peak", .memoryPeak), ("memory.swap.peak", .swapPeak),
        ("memory.swap.events", .swapEvents), ("memory.zswap.current", .zswap),
        ("memory.events.local", .localEvents), ("cpu.stat.local", .localThrottled),
        ("pids.peak", .pidsPeak), ("pids.events", .pidsEvents),
        ("pids.events.local", .pidsLocalEvents), ("irq.pressure", .irq), ("cgroup.stat", .stat),
        ("cgroup.events", .events), ("cgroup.stat.local", .localStat), ("rdma.current", .rdma),
        ("misc.current", .misc), ("dmem.current", .dmem), ("memory.numa_stat", .numa),
    ]
    private static let limitFiles: [(String, Item)] = [
        ("memory.high", .high), ("memory.low", .low), ("memory.min", .min),
        ("memory.swap.max", .swapMax), ("memory.zswap.max", .zswapMax),
        ("memory.oom.group", .oomGroup), ("cpu.weight", .weight), ("cpu.idle", .idle),
        ("cpu.max.burst", .burst), ("cpuset.cpus.effective", .cpus),
        ("cpuset.mems.effective", .nodes), ("misc.max", .miscMax),
        ("io.max", .ioMax), ("io.latency", .ioLatency), ("io.bfq.weight", .ioWeight),
        ("io.weight", .ioWeight),
    ]

    /// The files that a v2 group with these `names` in its directory has. `seed` spreads the
    /// readings of many groups over the ten seconds.
    init(names: Set<String>, seed: Int) {
        var slow = Self.slowFiles.filter { names.contains($0.0) }
        var limits = Self.limitFiles.filter { names.contains($0.0) }
        for name in names.sorted()
        where name.hasPrefix("hugetlb.") && name.hasSuffix(".current") && !name.contains(".rsvd.") {
            let size = String(name.dropFirst(8).dropLast(8))
            guard last.hugetlb.count < 8 else { break }
            let at = last.hugetlb.count
            last.hugetlb.append(.init(size: size))
            slow.append((name, .hugetlbUsage(at)))
            slow.append(("hugetlb.\(size).events", .hugetlbEvents(at)))
            limits.append(("hugetlb.\(size).max", .hugetlbLimit(at)))
        }
        self.slow = slow
        unaided = slow.filter { name, _ in
            name.hasPrefix("cgroup.") || name == "memory.zswap.current"
        }
        self.limits = limits
        offset = Double(seed & 0x3ff) / 1024
    }

    /// Reads what is due at `seconds`; `usage` is the processor time that the group has had.
    mutating func read(
        at seconds: Double, usage: Int64?, in directory: borrowing OwnedDescriptor,
        _ buffer: inout ReadBuffer
    ) {
        if seconds >= slowDue || seconds < slowDue - 60 {
            let hasNotRun = usage != nil && usage == self.usage
            if hasNotRun, seconds < allDue, seconds > allDue - 120 {
                take(unaided, directory, &buffer)
            } else {
                take(slow, directory, &buffer)
                self.usage = usage
                allDue = seconds + 59.9
            }
            // The first pause is shorter by a part that differs from group to group.
            slowDue = seconds + (slowDue == -.infinity ? 10 * (1 - offset) : 9.9)
        }
        if seconds >= limitsDue || seconds < limitsDue - 120 {
            take(limits, directory, &buffer)
            limitsDue = seconds + (limitsDue == -.infinity ? 60 * (1 - offset / 2) : 59.9)
        }
    }

    private mutating func take(
        _ files: [(String, Item)], _ directory: borrowing OwnedDescriptor,
        _ buffer: inout ReadBuffer
    ) {
        last.version += 1
        for (name, item) in files {
            _ = try? KernelFile.readOnce(name, in: directory, into: &buffer) { bytes in
                Self.parse(bytes, item, into: &last)
            }
        }
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, _ item: Item, into last: inout CgroupExtras
    ) {
        switch item {
        case .memoryPeak: last.memoryPeak = FlatKeyed.single(bytes)
        case .swapPeak: last.swapPeak = FlatKeyed.single(bytes)
        case .zswap: last.zswap = FlatKeyed.single(bytes)
        case .localEvents: last.localEvents = MemoryEvents(bytes)
        case .pidsPeak: last.pidsPeak = FlatKeyed.single(bytes)
        case .irq: last.irqPressure = Pressure(bytes)
        case .hugetlbUsage(let at): last.hugetlb[at].usage = FlatKeyed.single(bytes)
        case .hugetlbLimit(let at): last.hugetlb[at].limit = FlatKeyed.single(bytes)
        case .high: last.memoryHigh = FlatKeyed.single(bytes)
        case .low: last.memoryLow = FlatKeyed.single(bytes)
        case .min: last.memoryMin = FlatKeyed.single(bytes)
        case .swapMax: last.swapLimit = FlatKeyed.single(bytes)
        case .zswapMax: last.zswapLimit = FlatKeyed.single(bytes)
        case .oomGroup: last.oomGroup = FlatKeyed.single(bytes)
        case .weight: last.cpuWeight = FlatKeyed.single(bytes)
        case .idle: last.cpuIdle = FlatKeyed.single(bytes)
        case .burst: last.cpuBurst = FlatKeyed.single(bytes)
        case .cpus: last.effectiveCPUs = CgroupExtras.count(bytes)
        case .nodes: last.effectiveNodes = CgroupExtras.count(bytes)
        case .numa: parseNUMA(bytes, into: &last)
        case .ioMax: parseIOMax(bytes, into: &last)
        case .ioLatency: parseIOLatency(bytes, into: &last)
        case .rdma, .misc, .miscMax, .dmem: parseNamed(bytes, item, into: &last)
        default: parseKeyed(bytes, item, into: &last)
        }
    }

    private static func parseKeyed(
        _ bytes: UnsafeRawBufferPointer, _ item: Item, into last: inout CgroupExtras
    ) {
        FlatKeyed.parse(bytes) { key, value in
            switch item {
            case .swapEvents:
                if key.equals("high") { last.swapEvents.high = value }
                if key.equals("max") { last.swapEvents.max = value }
                if key.equals("fail") { last.swapEvents.fail = value }
            case .localThrottled:
                if key.equals("throttled_usec") { last.localThrottled = value }
            case .pidsEvents: if key.equals("max") { last.pidsMaxEvents = value }
            case .pidsLocalEvents: if key.equals("max") { last.pidsLocalMaxEvents = value }
            case .stat:
                if key.equals("nr_descendants") { last.descendants = value }
                if key.equals("nr_dying_descendants") { last.dyingDescendants = value }
            case .events: if key.equals("frozen") { last.frozen = value }
            case .ioWeight: if key.equals("default") { last.ioWeight = value }
            case .localStat: if key.equals("frozen_usec") { last.frozenMicroseconds = value }
            case .hugetlbEvents(let at): if key.equals("max") { last.hugetlb[at].failures = value }
            default: break
            }
        }
    }

    /// `anon N0=4096 N1=0`. On one node it says no more than `memory.stat`.
    private static func parseNUMA(
        _ bytes: UnsafeRawBufferPointer, into last: inout CgroupExtras
    ) {
        last.numa = []
        CgroupExtras.named(bytes) { type, nodes in
            guard nodes.count > 1, ["anon", "file", "unevictable"].contains(type) else { return }
            for (node, value) in nodes {
                guard let value, node.hasPrefix("N") else { continue }
                last.numa.append((type, String(node.dropFirst()), value))
            }
        }
    }

    /// `8:16 rbps=2097152 wbps=max riops=max wiops=120`.
    private static func parseIOMax(
        _ bytes: UnsafeRawBufferPointer, into last: inout CgroupExtras
    ) {
        last.ioLimits = []
        CgroupExtras.named(bytes) { device, pairs in
            for (key, value) in pairs {
                guard let value, ["rbps", "wbps", "riops", "wiops"].contains(key) else { continue }
                last.ioLimits.append(
                    .init(
                        device: DeviceNames.name(device), isRead: key.hasPrefix("r"),
                        isBytes: key.hasSuffix("bps"), perSecond: value))
            }
        }
    }

    /// `8:16 target=10000`, in microseconds.
    private static func parseIOLatency(
        _ bytes: UnsafeRawBufferPointer, into last: inout CgroupExtras
    ) {
        last.ioLatencies = []
        CgroupExtras.named(bytes) { device, pairs in
            guard let target = pairs.first(where: { $0.0 == "target" })?.1 else { return }
            last.ioLatencies.append((DeviceNames.name(device), target))
        }
    }

    private static func parseNamed(
        _ bytes: UnsafeRawBufferPointer, _ item: Item, into last: inout CgroupExtras
    ) {
        switch item {
        case .rdma: last.rdma = []
        case .misc: last.misc = []
        case .miscMax: last.miscLimits = []
        default: last.deviceMemory = []
        }
        CgroupExtras.named(bytes) { name, pairs in
            let plain = pairs.first { $0.0.isEmpty }?.1
            switch item {
            case .rdma:
                last.rdma.append(
                    (
                        name, pairs.first { $0.0 == "hca_handle" }?.1,
                        pairs.first { $0.0 == "hca_object" }?.1
                    ))
            case .misc: if let plain { last.misc.append((name, plain)) }
            case .miscMax: if let plain { last.miscLimits.append((name, plain)) }
            default: if let plain { last.deviceMemory.append((name, plain)) }
            }
        }
    }
}
