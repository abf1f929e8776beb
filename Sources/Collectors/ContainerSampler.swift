// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import SystemPackage

/// Samples one container: its series are registered once, then each tick is readings only.
final class ContainerSampler {
    private(set) var container: Container
    let key: ContainerKey
    /// The labels of its series.
    let labels: Labels
    private var life: ContainerLife
    let target: TargetRef
    /// What it used at the last tick.
    var stats: ContainerStats {
        var stats = latest
        stats.container = container
        return stats
    }
    private var latest: ContainerStats
    var oomKills: Int64? { latest.oomKills }
    /// Whether it has been read.
    var hasSampled: Bool { latest.timestamp > 0 }
    private let cgroup: CgroupReader?
    private let counters: LogCountersFile?
    /// Its network interfaces, if it is the one of its namespace that has the series.
    var network: ContainerNetwork?
    /// What takes long to read of it.
    let slowly = SlowReadingBox()
    /// How long the last reading of its cgroup took, and how many in a row took too long.
    private(set) var readingTime: Int64 = 0
    var longReadings = 0
    /// Whether its cgroup is read by `SlowCgroups`.
    var isSlow = false
    private var series: [SeriesRef?]
    private var devices: [DeviceSeries] = []
    private var named = NamedSeries()
    private var slow = SlowSeries()
    private var audit = ContainerAudit()
    /// Whether its log's lines are counted by nobody but who reads it.
    var isTailed: Bool { counters == nil }
    /// How it is confined, as of the last look.
    var findings: [AuditFinding] { audit.findings }
    private var last: [Double]
    private var memoryTrend = Trend()
    private var pidsTrend = Trend()
    private var previous:
        (
            cpu: Int64, lines: UInt64, read: Int64, written: Int64, periods: Int64,
            throttled: Int64, seconds: Double
        )?
    private var ticks = 0
    private var headroom = Headroom()

    private struct DeviceSeries {
        let major: Int64
        let minor: Int64
        let series: [SeriesRef]
    }

    /// Descriptors it keeps open.
    var descriptors: Int {
        (cgroup?.descriptors ?? 0) + (counters == nil ? 0 : 1) + (network == nil ? 0 : 1)
    }

    init(
        _ container: Container, labels: Labels, appender: any Appender,
        hierarchies: CgroupHierarchies, keepDescriptors: Bool
    ) throws {
        self.container = container
        key = container.key
        self.labels = labels
        life = ContainerLife(container)
        target = try appender.target(labels)
        latest = ContainerStats(container: container, timestamp: 0)
        cgroup = container.cgroupPath.flatMap {
            CgroupReader(path: $0, in: hierarchies, keepingDescriptors: keepDescriptors)
        }
        counters = container.logCountersPath.flatMap(LogCountersFile.init(path:))
        series = Array(repeating: nil, count: ContainerFields.all.count)
        last = Array(repeating: -.infinity, count: ContainerFields.all.count)
    }

    /// Takes over what discovery says now.
    func update(_ container: Container) {
        self.container = container
        life = ContainerLife(container)
    }

    /// Reads everything once, but for its cgroup when that was `taken` before, and adds its samples.
    /// Gives counters that went back, and errors.
    func sample(
        into batch: inout Batch, appender: any Appender, host: HostConfinement, proc: String,
        buffer: inout ReadBuffer, tailed: LogCounters? = nil, taken: CgroupReading? = nil
    ) throws -> (held: Int, errors: Int) {
        let seconds = Double(batch.timestamp) / 1000
        let start = Clock.monotonicNanoseconds()
        let reading =
            taken ?? cgroup?.read(into: &buffer, at: seconds) ?? CgroupReading()
        readingTime = Clock.monotonicNanoseconds() - start
        guard !reading.isGone else { return (0, 0) }
        let log = counters == nil ? tailed : counters?.read(into: &buffer)
        let cores = derive(reading, log: log, seconds: seconds)
        updateHeadroom(reading, cores: cores, seconds: seconds)
        let all = ContainerReading(
            cgroup: reading, life: life, log: log, headroom: headroom, seconds: seconds)
        let held = try sampleFields(all, into: &batch, appender: appender)
        try sample(all.cgroup.devices, into: &batch, appender: appender)
        try named.sample(
            all.cgroup.extras, into: &batch, appender: appender, target: target)
        if audit.isDue(container, all.cgroup, at: seconds) {
            try audit.update(
                container, all.cgroup, host: host, proc: proc, at: seconds, appender: appender,
                target: target, &buffer)
        }
        audit.sample(into: &batch)
        try slow.sample(slowly, into: &batch, appender: appender, target: target)
        if let network {
            let sums = try network.sample(
                into: &batch, appender: appender, target: target, buffer: &buffer)
            latest.networkReceivedBytes = sums.received
            latest.networkTransmittedBytes = sums.transmitted
        }
        fillStats(all, timestamp: batch.timestamp)
        return (held, all.cgroup.errors)
    }

    /// The fields that every container has. Gives how many counters went back.
    private func sampleFields(
        _ all: borrowing ContainerReading, into batch: inout Batch, appender: any Appender
    ) throws -> Int {
        var held = 0
        try ContainerFields.readers.withUnsafeBufferPointer { readers in
            try series.withUnsafeMutableBufferPointer { series in
                try last.withUnsafeMutableBufferPointer { last in
                    for i in 0..<readers.count {
                        guard var value = readers[i].value(all) else { continue }
                        if readers[i].isSparse, value == 0, series[i] == nil { continue }
                        if readers[i].isCounter {
                            if value < last[i] {
                                value = last[i]
                                held += 1
                            }
                            last[i] = value
                        }
                        let ref: SeriesRef
                        if let known = series[i] {
                            ref = known
                        } else {
                            let field = ContainerFields.all[i]
                            ref = try appender.series(
                                field.metric, target: target, labels: field.labels)
                            series[i] = ref
                        }
                        batch.append(ref, value)
                    }
                }
            }
        }
        return held
    }

    private func sample(
        _ devices: [IOStat], into batch: inout Batch, appender: any Appender
    ) throws {
        for device in devices {
            var known = self.devices.first { $0.major == device.major && $0.minor == device.minor }
            if known == nil {
                let labels: Labels = ["device": DeviceNames.name(device.major, device.minor)]
                let more = device.cost == nil ? [] : ContainerMetrics.fsCost
                let series = try (ContainerMetrics.fsDevice + more).map {
                    try appender.series($0, target: target, labels: labels)
                }
                known = DeviceSeries(major: device.major, minor: device.minor, series: series)
                if let known { self.devices.append(known) }
            }
            guard let series = known?.series else { continue }
            batch.append(series[0], Double(device.readBytes))
            batch.append(series[1], Double(device.writeBytes))
            batch.append(series[2], Double(device.reads))
            batch.append(series[3], Double(device.writes))
            batch.append(series[4], Double(device.discardBytes))
            batch.append(series[5], Double(device.discards))
            guard let cost = device.cost, series.count >= 10 else { continue }
            batch.append(series[6], Double(cost.usage) / 1e6)
            batch.append(series[7], Double(cost.wait) / 1e6)
            batch.append(series[8], Double(cost.inDebt) / 1e6)
            batch.append(series[9], Double(cost.inDelay) / 1e6)
        }
    }

    /// Rates since the last tick, into `stats`; gives the cores in use.
    private func derive(_ reading: borrowing CgroupReading, log: LogCounters?, seconds: Double)
        -> Double?
    {
        let cpu = reading.cpu.usage ?? 0
        let lines = (log?.stdoutLines ?? 0) &+ (log?.stderrLines ?? 0)
        let read = reading.devices.reduce(0) { $0 &+ $1.readBytes }
        let written = reading.devices.reduce(0) { $0 &+ $1.writeBytes }
        let periods = reading.cpu.periods ?? 0
        let throttled = reading.cpu.throttledPeriods ?? 0
        defer { previous = (cpu, lines, read, written, periods, throttled, seconds) }
        guard let before = previous, seconds > before.seconds else { return nil }
        let elapsed = seconds - before.seconds
        func rate(_ now: Int64, _ then: Int64) -> Double { Double(max(0, now &- then)) / elapsed }
        latest.logLineRate = log == nil ? nil : Double(lines &- min(lines, before.lines)) / elapsed
        latest.ioReadBytes = reading.devices.isEmpty ? nil : read
        latest.ioWrittenBytes = reading.devices.isEmpty ? nil : written
        latest.ioReadRate = reading.devices.isEmpty ? nil : rate(read, before.read)
        latest.ioWriteRate = reading.devices.isEmpty ? nil : rate(written, before.written)
        let newPeriods = periods &- before.periods
        latest.throttledRatio =
            reading.quota?.quota == nil || newPeriods <= 0
            ? nil : min(1, Double(max(0, throttled &- before.throttled)) / Double(newPeriods))
        return reading.cpu.usage == nil ? nil : rate(cpu, before.cpu) / 1e6
    }

    /// The trend is looked at every fourth tick: it costs more than the readings.
    private func updateHeadroom(_ reading: borrowing CgroupReading, cores: Double?, seconds: Double)
    {
        let (memoryTime, pidsTime) = (headroom.memoryTime, headroom.pidsTime)
        headroom = Headroom(reading, cores: cores ?? latest.cpuCores)
        latest.cpuCores = cores ?? latest.cpuCores
        headroom.throttled = latest.throttledRatio
        if let limit = reading.memoryLimit, let used = reading.workingSet {
            memoryTrend.add(Double(used), at: seconds)
            headroom.memoryTime =
                ticks % 4 == 0
                ? memoryTrend.timeToReach(Double(limit), from: Double(used)) : memoryTime
        }
        if let limit = reading.pidsLimit, let pids = reading.pids {
            pidsTrend.add(Double(pids), at: seconds)
            headroom.pidsTime =
                ticks % 4 == 0 ? pidsTrend.timeToReach(Double(limit), from: Double(pids)) : pidsTime
        }
        ticks += 1
    }

    private func fillStats(_ all: borrowing ContainerReading, timestamp: Milliseconds) {
        latest.timestamp = timestamp
        latest.memoryUsage = all.cgroup.memoryCurrent
        latest.memoryWorkingSet = all.cgroup.workingSet
        latest.memoryLimit = all.cgroup.memoryLimit
        latest.headroomRatio = headroom.tightest?.ratio
        latest.headroomResource = headroom.tightest?.resource
        latest.timeToFull = headroom.timeToFull
        latest.throttledSeconds =
            all.cgroup.quota?.quota == nil ? nil : all.cgroup.cpu.throttled.map { Double($0) / 1e6 }
        latest.pids = all.cgroup.pids
        latest.pidsLimit = all.cgroup.pidsLimit
        latest.cpuPressure = all.cgroup.cpuPressure.someAverage10
        latest.memoryPressure = all.cgroup.memoryPressure.someAverage10
        latest.ioPressure = all.cgroup.ioPressure.someAverage10
        latest.oomKills = all.cgroup.events.oomKill
    }
}
