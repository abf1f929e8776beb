// SPDX-License-Identifier: Apache-2.0

import Linux
import SystemPackage

/// What one reading of a container's cgroups gave; nil where the host does not tell.
struct CgroupReading {
    var cpu = CPUStat()
    var memoryCurrent: Int64?
    var memoryPeak: Int64?
    var memorySwap: Int64?
    var memory = MemoryStat()
    var events = MemoryEvents()
    var pids: Int64?
    var cpuPressure = Pressure()
    var memoryPressure = Pressure()
    var ioPressure = Pressure()
    var devices: [IOStat] = []
    var memoryLimit: Int64?
    var pidsLimit: Int64?
    var quota: CPUQuota?
    /// What is read more seldom.
    var extras = CgroupExtras()
    /// Whether the cgroup was removed while it was read.
    var isGone = false
    /// Files that could not be read, other than because the cgroup is gone.
    var errors = 0

    /// Usage less inactive page cache, cAdvisor's definition.
    var workingSet: Int64? {
        memoryCurrent.map { max(0, $0 - (memory[.inactiveFile] ?? 0)) }
    }
}

/// The files of one container's cgroup, in whichever hierarchy has them, kept open while
/// descriptors last.
final class CgroupReader {
    /// A file that is opened for each reading: a limit, or any when descriptors are scarce.
    private struct Source {
        let item: Item
        let name: String
        /// Index into `directories`.
        let directory: Int
    }

    /// What a file holds; `v1` cases have a format of their own.
    fileprivate enum Item: UInt8 {
        case cpuStat, cpuacctUsage, cpuacctStat
        case memoryCurrent, memoryPeak, memorySwap
        case memoryStat, memoryStatV1, memoryEvents
        case pids, ioStat, blkioBytes, blkioOperations
        case cpuPressure, memoryPressure, ioPressure
        case memoryMax, pidsMax, cpuMax, cfsQuota, cfsPeriod
    }

    /// What tells a group in which nothing happens: no process of it has run and its memory is as it was.
    /// Its `memory.stat`, the longest of its files, is then read every ten seconds only.
    private struct Still {
        var cpu: Int64?
        var memoryCurrent: Int64?
        var memory = MemoryStat()
        /// When it is read in any case.
        var due = -Double.infinity

        func holds(_ reading: borrowing CgroupReading, at seconds: Double) -> Bool {
            guard let usage = reading.cpu.usage, let current = reading.memoryCurrent else {
                return false
            }
            return usage == cpu && current == memoryCurrent && seconds < due && seconds > due - 60
        }
    }

    private var directories: [OwnedDescriptorBox] = []
    private var kept = KernelFileSet()
    private var sources: [Source] = []
    private var items: Set<Item> = []
    /// Descriptors this reader keeps.
    private(set) var descriptors = 0
    private var limits = CgroupReading()
    private var limitsDue = -Double.infinity
    private var layout = KeyLayout()
    private var still = Still()
    /// The v2 group's other files; its directory is the first.
    private var extras: CgroupExtrasReader?

    /// Opens what there is of the cgroup `path`; nil when no hierarchy has it.
    init?(path: String, in hierarchies: CgroupHierarchies, keepingDescriptors keep: Bool) {
        if let mount = hierarchies.unified, let at = open(mount + path) {
            add(
                at, keep,
                [
                    (.cpuStat, "cpu.stat"), (.memoryCurrent, "memory.current"),
                    (.memoryStat, "memory.stat"), (.memoryEvents, "memory.events"),
                    (.memorySwap, "memory.swap.current"), (.pids, "pids.current"),
                    (.ioStat, "io.stat"),
                    (.cpuPressure, "cpu.pressure"), (.memoryPressure, "memory.pressure"),
                    (.ioPressure, "io.pressure"), (.memoryMax, "memory.max"),
                    (.pidsMax, "pids.max"), (.cpuMax, "cpu.max"),
                ])
            extras = CgroupExtrasReader(
                names: Set(DirectoryListing.files(mount + path, limit: 512)), seed: path.hashValue)
        }
        addLegacy(path, hierarchies, keep)
        guard !items.isEmpty else { return nil }
    }

    /// v1 hierarchies, for what v2 does not have here.
    private func addLegacy(_ path: String, _ hierarchies: CgroupHierarchies, _ keep: Bool) {
        let plans: [(CgroupHierarchies.Controller, [(Item, String)])] = [
            (
                .cpuacct,
                has(.cpuStat)
                    ? [] : [(.cpuacctUsage, "cpuacct.usage"), (.cpuacctStat, "cpuacct.stat")]
            ),
            (
                .cpu,
                has(.cpuMax)
                    ? []
                    : [
                        (.cpuStat, "cpu.stat"), (.cfsQuota, "cpu.cfs_quota_us"),
                        (.cfsPeriod, "cpu.cfs_period_us"),
                    ]
            ),
            (
                .memory,
                has(.memoryCurrent)
                    ? []
                    : [
                        (.memoryCurrent, "memory.usage_in_bytes"), (.memoryStatV1, "memory.stat"),
                        (.memoryPeak, "memory.max_usage_in_bytes"),
                        (.memoryEvents, "memory.oom_control"),
                        (.memoryMax, "memory.limit_in_bytes"),
                    ]
            ),
            (.pids, has(.pids) ? [] : [(.pids, "pids.current"), (.pidsMax, "pids.max")]),
            (
                .io,
                has(.ioStat)
                    ? []
                    : [
                        (.blkioBytes, "blkio.throttle.io_service_bytes_recursive"),
                        (.blkioOperations, "blkio.throttle.io_serviced_recursive"),
                    ]
            ),
        ]
        for (controller, files) in plans where !files.isEmpty {
            guard let mount = hierarchies.legacyMount(controller), let at = open(mount + path)
            else {
                continue
            }
            add(at, keep, files)
        }
    }

    /// Reads everything there is at `seconds`. Limits are read again once a minute only: they rarely
    /// change.
    func read(into buffer: inout ReadBuffer, at seconds: Double = 0) -> CgroupReading {
        var reading = CgroupReading()
        let withLimits = seconds >= limitsDue || seconds < limitsDue - 120
        if withLimits { limitsDue = seconds + 59.9 }
        reading.memoryLimit = limits.memoryLimit
        reading.pidsLimit = limits.pidsLimit
        reading.quota = limits.quota
        do throws(Errno) {
            for index in 0..<kept.count {
                guard let item = Item(rawValue: kept.kind(index)) else { continue }
                if item.isMemoryStat, still.holds(reading, at: seconds) {
                    reading.memory = still.memory
                    if item == .memoryStatV1 { reading.memorySwap = reading.memory.swap }
                    continue
                }
                do throws(Errno) {
                    let bytes = try kept.read(index, into: &buffer)
                    parse(bytes, item, into: &reading)
                    if item.isMemoryStat {
                        still.memory = reading.memory
                        still.due = seconds + 9.9
                    }
                } catch {
                    try note(error, &reading)
                }
            }
            for source in sources where withLimits || !source.item.isLimit {
                do throws(Errno) { try read(source, into: &reading, &buffer) } catch {
                    try note(error, &reading)
                }
            }
        } catch {
            reading.isGone = true
            return reading
        }
        still.cpu = reading.cpu.usage
        still.memoryCurrent = reading.memoryCurrent
        if withLimits {
            limits.memoryLimit = reading.memoryLimit
            limits.pidsLimit = reading.pidsLimit
            limits.quota = reading.quota
        }
        if extras != nil {
            extras?.read(
                at: seconds, usage: reading.cpu.usage, in: directories[0].descriptor, &buffer)
            if let last = extras?.last { reading.extras = last }
            reading.memoryPeak = reading.memoryPeak ?? reading.extras.memoryPeak
        }
        return reading
    }

    /// Counts a failure; throws it on when the cgroup is gone.
    private func note(_ error: Errno, _ reading: inout CgroupReading) throws(Errno) {
        // 19: ENODEV, removed while open.
        if error == Errno(rawValue: 19) || error == .noSuchFileOrDirectory { throw error }
        reading.errors += 1
    }

    private func read(
        _ source: Source, into reading: inout CgroupReading, _ buffer: inout ReadBuffer
    ) throws(Errno) {
        let directory = directories[source.directory]
        let found: Void? = try KernelFile.readOnce(
            source.name, in: directory.descriptor, into: &buffer
        ) { parse($0, source.item, into: &reading) }
        if found == nil { throw Errno.noSuchFileOrDirectory }
    }

    private func parse(
        _ bytes: UnsafeRawBufferPointer, _ item: Item, into reading: inout CgroupReading
    ) {
        switch item {
        case .cpuStat: reading.cpu.parse(bytes)
        case .cpuacctUsage: reading.cpu.usage = FlatKeyed.single(bytes).map { $0 / 1000 }
        case .cpuacctStat:
            reading.cpu.parseTicks(bytes, ticksPerSecond: Clock.ticksPerSecond)
        case .memoryCurrent: reading.memoryCurrent = FlatKeyed.single(bytes)
        case .memoryPeak: reading.memoryPeak = FlatKeyed.single(bytes)
        case .memorySwap: reading.memorySwap = FlatKeyed.single(bytes)
        case .memoryStat: reading.memory = MemoryStat(v2: bytes, layout: &layout)
        case .memoryStatV1:
            reading.memory = MemoryStat(v1: bytes, layout: &layout)
            reading.memorySwap = reading.memory.swap
        case .memoryEvents: reading.events = MemoryEvents(bytes)
        case .pids: reading.pids = FlatKeyed.single(bytes)
        case .ioStat: IOStat.parse(bytes, into: &reading.devices)
        case .blkioBytes: IOStat.parseV1(bytes, operations: false, into: &reading.devices)
        case .blkioOperations: IOStat.parseV1(bytes, operations: true, into: &reading.devices)
        case .cpuPressure: reading.cpuPressure = Pressure(bytes)
        case .memoryPressure: reading.memoryPressure = Pressure(bytes)
        case .ioPressure: reading.ioPressure = Pressure(bytes)
        case .memoryMax:
            // v1 writes the largest number of whole pages where v2 writes `max`.
            reading.memoryLimit = FlatKeyed.single(bytes).flatMap { $0 > 1 << 62 ? nil : $0 }
        case .pidsMax: reading.pidsLimit = FlatKeyed.single(bytes)
        case .cpuMax: reading.quota = CPUQuota(bytes)
        case .cfsQuota:
            let quota = FlatKeyed.single(bytes).flatMap { $0 > 0 ? $0 : nil }
            reading.quota = CPUQuota(quota: quota, period: reading.quota?.period ?? 100_000)
        case .cfsPeriod:
            let period = FlatKeyed.single(bytes) ?? 0
            if period > 0 {
                reading.quota = CPUQuota(quota: reading.quota?.quota ?? nil, period: period)
            }
        }
    }

    private func has(_ item: Item) -> Bool { items.contains(item) }

    private func open(_ path: String) -> Int? {
        guard let descriptor = try? OwnedDescriptor(opening: path, flags: Self.directoryFlags)
        else {
            return nil
        }
        directories.append(OwnedDescriptorBox(descriptor))
        descriptors += 1
        return directories.count - 1
    }

    private func add(_ directory: Int, _ keep: Bool, _ files: [(Item, String)]) {
        for (item, name) in files {
            guard let file = KernelFile(name, in: directories[directory].descriptor) else {
                continue
            }
            items.insert(item)
            if keep && !item.isLimit {
                kept.add(file, kind: item.rawValue)
                descriptors += 1
            } else {
                sources.append(Source(item: item, name: name, directory: directory))
            }
        }
    }

    private static let directoryFlags: Int32 = 0x10000 | 0x20000  // O_DIRECTORY | O_NOFOLLOW

    /// Arrays hold copyable values only, so what owns a descriptor stands in a box.
    private final class OwnedDescriptorBox {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }
}

extension CgroupReader.Item {
    fileprivate var isMemoryStat: Bool { self == .memoryStat || self == .memoryStatV1 }

    fileprivate var isLimit: Bool {
        switch self {
        case .memoryMax, .pidsMax, .cpuMax, .cfsQuota, .cfsPeriod: true
        default: false
        }
    }
}
