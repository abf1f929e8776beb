// SPDX-License-Identifier: Apache-2.0

/// `cpu.stat` of cgroup v2, or the same from v1's `cpuacct.usage`, `cpuacct.stat` and `cpu.stat`.
public struct CPUStat: Hashable, Sendable {
    /// CPU time in microseconds; nil where the file does not have it.
    public var usage: Int64?
    /// Time in user mode in microseconds.
    public var user: Int64?
    /// Time in the kernel in microseconds.
    public var system: Int64?
    /// Scheduling periods in which the group could run.
    public var periods: Int64?
    /// Periods in which it was held back by its quota.
    public var throttledPeriods: Int64?
    /// How long it was held back, in microseconds.
    public var throttled: Int64?
    /// Periods in which it used time saved up.
    public var burstPeriods: Int64?
    /// Time saved up that it used, in microseconds.
    public var burst: Int64?
    /// Time in user mode of processes that were made nice, in microseconds.
    public var nice: Int64?
    /// Time a sibling thread of a core was kept idle for its sake, in microseconds.
    public var forcedIdle: Int64?

    /// Nothing known.
    public init() {}

    /// Adds what a v2 `cpu.stat` says.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) {
        FlatKeyed.parse(bytes) { key, value in
            if key.equals("usage_usec") { usage = value }
            if key.equals("user_usec") { user = value }
            if key.equals("system_usec") { system = value }
            if key.equals("nr_periods") { periods = value }
            if key.equals("nr_throttled") { throttledPeriods = value }
            if key.equals("throttled_usec") { throttled = value }
            if key.equals("nr_bursts") { burstPeriods = value }
            if key.equals("burst_usec") { burst = value }
            if key.equals("nice_usec") { nice = value }
            if key.equals("core_sched.force_idle_usec") { forcedIdle = value }
            // v1 counts in nanoseconds.
            if key.equals("throttled_time") { throttled = value / 1000 }
        }
    }

    /// Adds what v1's `cpuacct.stat` says, in clock ticks.
    public mutating func parseTicks(_ bytes: UnsafeRawBufferPointer, ticksPerSecond: Int64) {
        let microseconds = 1_000_000 / max(1, ticksPerSecond)
        FlatKeyed.parse(bytes) { key, value in
            if key.equals("user") { user = value &* microseconds }
            if key.equals("system") { system = value &* microseconds }
        }
    }
}

/// `memory.events` of cgroup v2, or `oom_kill` of v1's `memory.oom_control`.
public struct MemoryEvents: Hashable, Sendable {
    /// Times reclaim reached below `memory.low`.
    public var low: Int64?
    /// Times the group was throttled for being over `memory.high`.
    public var high: Int64?
    /// Times usage was about to go over `memory.max`.
    public var max: Int64?
    /// Times the limit was reached and allocation was about to fail.
    public var oom: Int64?
    /// Processes killed.
    public var oomKill: Int64?
    /// Times the whole group was killed together.
    public var oomGroupKill: Int64?
    /// Times the sockets of the group were slowed down for want of memory (Linux 6.19).
    public var sockThrottled: Int64?

    /// Nothing known.
    public init() {}

    /// Reads either file.
    public init(_ bytes: UnsafeRawBufferPointer) {
        FlatKeyed.parse(bytes) { key, value in
            if key.equals("low") { low = value }
            if key.equals("high") { high = value }
            if key.equals("max") { max = value }
            if key.equals("oom") { oom = value }
            if key.equals("oom_kill") { oomKill = value }
            if key.equals("oom_group_kill") { oomGroupKill = value }
            if key.equals("sock_throttled") { sockThrottled = value }
        }
    }
}

/// One `*.pressure` file (Documentation/accounting/psi.rst).
public struct Pressure: Hashable, Sendable {
    /// Microseconds in which some task waited.
    public var someTotal: Int64?
    /// Microseconds in which all tasks waited.
    public var fullTotal: Int64?
    /// Share of the last ten seconds in which some task waited, 0 to 1.
    public var someAverage10: Double?
    /// Share of the last ten seconds in which all tasks waited, 0 to 1.
    public var fullAverage10: Double?

    /// Nothing known.
    public init() {}

    /// Reads the file.
    public init(_ bytes: UnsafeRawBufferPointer) {
        var scanner = ByteScanner(bytes)
        while !scanner.isAtEnd {
            let line = scanner.word()
            let isSome = line.equals("some")
            let isFull = line.equals("full")
            while scanner.current == 0x20 {
                scanner.skipBlanks()
                let key = scanner.word()
                guard scanner.skip(0x3d) else { break }
                let value = scanner.decimal()
                guard let value else { break }
                if key.equals("total") {
                    let total = Int64(exactly: value.rounded(.down)) ?? 0
                    if isSome { someTotal = total }
                    if isFull { fullTotal = total }
                } else if key.equals("avg10") {
                    if isSome { someAverage10 = Swift.min(1, value / 100) }
                    if isFull { fullAverage10 = Swift.min(1, value / 100) }
                }
            }
            scanner.skipLine()
        }
    }
}

/// One device of `io.stat`, or of v1's `blkio.throttle.*` files.
public struct IOStat: Sendable {
    /// The device's number.
    public var major: Int64
    /// The device's minor number.
    public var minor: Int64
    /// Bytes read.
    public var readBytes: Int64 = 0
    /// Bytes written.
    public var writeBytes: Int64 = 0
    /// Read operations.
    public var reads: Int64 = 0
    /// Write operations.
    public var writes: Int64 = 0
    /// Bytes discarded.
    public var discardBytes: Int64 = 0
    /// Discard operations.
    public var discards: Int64 = 0
    /// io.cost: device time used, waited for a budget, in debt and delayed by debt, in microseconds;
    /// nil unless the controller is on.
    public var cost: (usage: Int64, wait: Int64, inDebt: Int64, inDelay: Int64)?

    /// A device with nothing done.
    public init(major: Int64, minor: Int64) {
        self.major = major
        self.minor = minor
    }

    /// Reads a v2 `io.stat`, line by line into `devices`, which is emptied first. At most 64.
    public static func parse(_ bytes: UnsafeRawBufferPointer, into devices: inout [IOStat]) {
        devices.removeAll(keepingCapacity: true)
        var scanner = ByteScanner(bytes)
        while !scanner.isAtEnd, devices.count < 64 {
            if let major = scanner.number(), scanner.skip(0x3a), let minor = scanner.number() {
                var device = IOStat(major: major, minor: minor)
                while scanner.current == 0x20 {
                    scanner.skipBlanks()
                    let key = scanner.word()
                    guard scanner.skip(0x3d), let value = scanner.number() else { break }
                    if key.equals("rbytes") { device.readBytes = value }
                    if key.equals("wbytes") { device.writeBytes = value }
                    if key.equals("rios") { device.reads = value }
                    if key.equals("wios") { device.writes = value }
                    if key.equals("dbytes") { device.discardBytes = value }
                    if key.equals("dios") { device.discards = value }
                    device.takeCost(key, value)
                }
                devices.append(device)
            }
            scanner.skipLine()
        }
    }

    private mutating func takeCost(_ key: UnsafeRawBufferPointer, _ value: Int64) {
        guard key.first == UInt8(ascii: "c") else { return }
        var cost = cost ?? (0, 0, 0, 0)
        if key.equals("cost.usage") { cost.usage = value }
        if key.equals("cost.wait") { cost.wait = value }
        if key.equals("cost.indebt") { cost.inDebt = value }
        if key.equals("cost.indelay") { cost.inDelay = value }
        self.cost = cost
    }

    /// Reads lines of `MAJOR:MINOR Read|Write NUMBER` from a v1 blkio file into `devices`.
    public static func parseV1(
        _ bytes: UnsafeRawBufferPointer, operations: Bool, into devices: inout [IOStat]
    ) {
        var scanner = ByteScanner(bytes)
        while !scanner.isAtEnd {
            if let major = scanner.number(), scanner.skip(0x3a), let minor = scanner.number() {
                scanner.skipBlanks()
                let isRead = scanner.word()
                scanner.skipBlanks()
                if let value = scanner.number(), isRead.equals("Read") || isRead.equals("Write") {
                    var at = devices.firstIndex { $0.major == major && $0.minor == minor }
                    if at == nil, devices.count < 64 {
                        devices.append(IOStat(major: major, minor: minor))
                        at = devices.count - 1
                    }
                    if let at {
                        switch (isRead.equals("Read"), operations) {
                        case (true, false): devices[at].readBytes = value
                        case (false, false): devices[at].writeBytes = value
                        case (true, true): devices[at].reads = value
                        case (false, true): devices[at].writes = value
                        }
                    }
                }
            }
            scanner.skipLine()
        }
    }
}

/// `cpu.max`, or v1's `cpu.cfs_quota_us` and `cpu.cfs_period_us`.
public struct CPUQuota: Hashable, Sendable {
    /// Microseconds of CPU time in each period; nil for no limit.
    public var quota: Int64?
    /// The period in microseconds.
    public var period: Int64

    /// A quota of these parts.
    public init(quota: Int64?, period: Int64) {
        self.quota = quota
        self.period = period
    }

    /// Reads a v2 `cpu.max`.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        var scanner = ByteScanner(bytes)
        quota = scanner.number()
        if quota == nil { _ = scanner.word() }
        scanner.skipBlanks()
        guard let period = scanner.number(), period > 0 else { return nil }
        self.period = period
    }

    /// Cores: 0.5 is half the time of one; nil for no limit.
    public var cores: Double? { quota.map { Double($0) / Double(period) } }
}
