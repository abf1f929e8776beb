// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import SystemPackage

/// Samples one container: its series are registered once, then each tick is readings only.
final class ContainerSampler {
    private(set) var container: Container
    let target: TargetRef
    /// What it used at the last tick.
    private(set) var stats: ContainerStats
    private let cgroup: CgroupReader?
    private let counters: LogCountersFile?
    /// Its network interfaces, if it is the one of its namespace that has the series.
    var network: ContainerNetwork?
    private var series: [SeriesRef?]
    private var devices: [DeviceSeries] = []
    private var named = NamedSeries()
    private var slow = SlowSeries()
    private var audit = ContainerAudit()
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
        target = try appender.target(labels)
        stats = ContainerStats(container: container, timestamp: 0)
        cgroup = container.cgroupPath.flatMap {
            CgroupReader(path: $0, in: hierarchies, keepingDescriptors: keepDescriptors)
        }
        counters = container.logCountersPath.flatMap(LogCountersFile.init(path:))
        series = Array(repeating: nil, count: ContainerFields.all.count)
        last = Array(repeating: -.infinity, count: ContainerFields.all.count)
    }

    /// Takes over what discovery says now.
    func update(_ container: Container) { self.container = container }

    /// Reads everything once and adds its samples. Gives counters that went back, and errors.
    func sample(
        into batch: inout Batch, appender: any Appender, host: HostConfinement, proc: String,
        buffer: inout ReadBuffer, tailed: LogCounters? = nil, slowly: SlowReading? = nil
    ) throws -> (held: Int, errors: Int) {
        let seconds = Double(batch.timestamp) / 1000
        let reading = cgroup?.read(into: &buffer, at: seconds) ?? CgroupReading()
        guard !reading.isGone else { return (0, 0) }
        let log = counters == nil ? tailed : counters?.read(into: &buffer)
        let cores = derive(reading, log: log, seconds: seconds)
        updateHeadroom(reading, cores: cores, seconds: seconds)
        let all = ContainerReading(
            cgroup: reading, container: container, log: log, headroom: headroom, seconds: seconds)
        var held = 0
        for (i, field) in ContainerFields.all.enumerated() {
            guard var value = field.value(all) else { continue }
            if field.isSparse, value == 0, series[i] == nil { continue }
            if field.metric.type == .counter {
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
                ref = try appender.series(field.metric, target: target, labels: field.labels)
                series[i] = ref
            }
            batch.append(ref, value)
        }
        try sample(reading.devices, into: &batch, appender: appender)
        try named.sample(
            reading.extras, into: &batch, appender: appender, target: target)
        audit.update(
            container, reading, host: host, proc: proc, at: seconds, &buffer)
        try audit.sample(into: &batch, appender: appender, target: target, host: host)
        if let slowly {
            try slow.sample(slowly, into: &batch, appender: appender, target: target)
        }
        if let network {
            let sums = try network.sample(
                into: &batch, appender: appender, target: target, buffer: &buffer)
            stats.networkReceivedBytes = sums.received
            stats.networkTransmittedBytes = sums.transmitted
        }
        fillStats(all, timestamp: batch.timestamp)
        return (held, reading.errors)
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
            guard let known else { continue }
            let counts = [
                device.readBytes, device.writeBytes, device.reads, device.writes,
                device.discardBytes, device.discards,
            ]
            for (series, count) in zip(known.series, counts) {
                batch.append(series, Double(count))
            }
            guard let cost = device.cost, known.series.count > counts.count else { continue }
            let costs = [cost.usage, cost.wait, cost.inDebt, cost.inDelay]
            for (series, count) in zip(known.series.dropFirst(counts.count), costs) {
                batch.append(series, Double(count) / 1e6)
            }
        }
    }

    /// Rates since the last tick, into `stats`; gives the cores in use.
    private func derive(_ reading: CgroupReading, log: LogCounters?, seconds: Double) -> Double? {
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
        stats.logLineRate = log == nil ? nil : Double(lines &- min(lines, before.lines)) / elapsed
        stats.ioReadBytes = reading.devices.isEmpty ? nil : read
        stats.ioWrittenBytes = reading.devices.isEmpty ? nil : written
        stats.ioReadRate = reading.devices.isEmpty ? nil : rate(read, before.read)
        stats.ioWriteRate = reading.devices.isEmpty ? nil : rate(written, before.written)
        let newPeriods = periods &- before.periods
        stats.throttledRatio =
            reading.quota?.quota == nil || newPeriods <= 0
            ? nil : min(1, Double(max(0, throttled &- before.throttled)) / Double(newPeriods))
        return reading.cpu.usage == nil ? nil : rate(cpu, before.cpu) / 1e6
    }

    /// The trend is looked at every fourth tick: it costs more than the readings.
    private func updateHeadroom(_ reading: CgroupReading, cores: Double?, seconds: Double) {
        let (memoryTime, pidsTime) = (headroom.memoryTime, headroom.pidsTime)
        headroom = Headroom(reading, cores: cores ?? stats.cpuCores)
        stats.cpuCores = cores ?? stats.cpuCores
        headroom.throttled = stats.throttledRatio
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

    private func fillStats(_ all: ContainerReading, timestamp: Milliseconds) {
        stats.container = container
        stats.timestamp = timestamp
        stats.memoryUsage = all.cgroup.memoryCurrent
        stats.memoryWorkingSet = all.cgroup.workingSet
        stats.memoryLimit = all.cgroup.memoryLimit
        stats.headroomRatio = headroom.tightest?.ratio
        stats.headroomResource = headroom.tightest?.resource
        stats.timeToFull = headroom.timeToFull
        stats.throttledSeconds =
            all.cgroup.quota?.quota == nil ? nil : all.cgroup.cpu.throttled.map { Double($0) / 1e6 }
        stats.pids = all.cgroup.pids
        stats.pidsLimit = all.cgroup.pidsLimit
        stats.cpuPressure = all.cgroup.cpuPressure.someAverage10
        stats.memoryPressure = all.cgroup.memoryPressure.someAverage10
        stats.ioPressure = all.cgroup.ioPressure.someAverage10
        stats.oomKills = all.cgroup.events.oomKill
    }
}
