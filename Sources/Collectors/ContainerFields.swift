// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// One series of every container: its metric, the labels that set it apart, and where its value
/// is in a reading.
struct ContainerField {
    let metric: MetricDescriptor
    let labels: Labels
    /// Whether it is left out until it is not 0 for the first time.
    let isSparse: Bool
    let value: @Sendable (borrowing ContainerReading) -> Double?

    init(
        _ metric: MetricDescriptor, _ labels: Labels = [:], isSparse: Bool = false,
        _ value: @escaping @Sendable (borrowing ContainerReading) -> Double?
    ) {
        self.metric = metric
        self.labels = labels
        self.isSparse = isSparse
        self.value = value
    }
}

/// All that is known of a container at one tick.
struct ContainerReading {
    var cgroup: CgroupReading
    var life: ContainerLife
    var log: LogCounters?
    var headroom: Headroom
    var seconds: Double
}

/// What the engine says of a container's life.
struct ContainerLife {
    let created: Double
    let started: Double?
    let isHealthy: Bool?
    let restarts: Double?

    init(_ container: Container) {
        created = Double(container.createdAt) / 1000
        started = container.startedAt.map { Double($0) / 1000 }
        isHealthy = container.health.map { $0 == .healthy }
        restarts = container.restartCount.map { Double($0) }
    }
}

/// What is needed of a field at each tick.
struct ContainerFieldReader {
    let isSparse: Bool
    let isCounter: Bool
    let value: @Sendable (borrowing ContainerReading) -> Double?
}

/// The table of series; a value that is nil makes no sample.
enum ContainerFields {
    /// In the order of `all`.
    static let readers = all.map {
        ContainerFieldReader(
            isSparse: $0.isSparse, isCounter: $0.metric.type == .counter, value: $0.value)
    }

    static let all: [ContainerField] =
        life + cpu + memory + pressure + processes + derived + log + more + memoryParts + beyond
        + beyondCPU + spec

    private static let life: [ContainerField] = [
        .init(ContainerMetrics.lastSeen) { $0.seconds.rounded(.down) },
        .init(ContainerMetrics.startTime) { $0.life.started },
        .init(ContainerMetrics.creationTime) { $0.life.created },
    ]

    private static let cpu: [ContainerField] = [
        .init(ContainerMetrics.cpuUsage, ["cpu": "total"]) { seconds($0.cgroup.cpu.usage) },
        .init(ContainerMetrics.cpuUser) { seconds($0.cgroup.cpu.user) },
        .init(ContainerMetrics.cpuSystem) { seconds($0.cgroup.cpu.system) },
        .init(ContainerMetrics.cfsPeriods) { limited($0, $0.cgroup.cpu.periods) },
        .init(ContainerMetrics.cfsThrottledPeriods) { limited($0, $0.cgroup.cpu.throttledPeriods) },
        .init(ContainerMetrics.cfsThrottledSeconds) {
            limited($0, $0.cgroup.cpu.throttled).map { $0 / 1e6 }
        },
        .init(ContainerMetrics.specCPUPeriod) { plain($0.cgroup.quota?.period) },
        .init(ContainerMetrics.specCPUQuota) { plain($0.cgroup.quota?.quota) },
    ]

    private static let memory: [ContainerField] = [
        .init(ContainerMetrics.memoryUsage) { plain($0.cgroup.memoryCurrent) },
        .init(ContainerMetrics.memoryWorkingSet) { plain($0.cgroup.workingSet) },
        .init(ContainerMetrics.memoryRSS) { plain($0.cgroup.memory[.anon]) },
        .init(ContainerMetrics.memoryCache) { plain($0.cgroup.memory[.file]) },
        .init(ContainerMetrics.memorySwap) { plain($0.cgroup.memorySwap) },
        .init(ContainerMetrics.memoryMappedFile) { plain($0.cgroup.memory[.fileMapped]) },
        .init(ContainerMetrics.memoryMaxUsage) { plain($0.cgroup.memoryPeak) },
        .init(ContainerMetrics.memoryActiveFile) { plain($0.cgroup.memory[.activeFile]) },
        .init(ContainerMetrics.memoryInactiveFile) { plain($0.cgroup.memory[.inactiveFile]) },
        .init(ContainerMetrics.memoryKernel) { plain($0.cgroup.memory.kernelSum) },
        .init(
            ContainerMetrics.memoryFailures, ["failure_type": "pgfault", "scope": "container"]
        ) { plain($0.cgroup.memory[.faults]) },
        .init(
            ContainerMetrics.memoryFailures, ["failure_type": "pgmajfault", "scope": "container"]
        ) { plain($0.cgroup.memory[.majorFaults]) },
        .init(ContainerMetrics.memoryEventsHigh) { plain($0.cgroup.events.high) },
        .init(ContainerMetrics.memoryEventsMax) { plain($0.cgroup.events.max) },
        .init(ContainerMetrics.oomEvents) { plain($0.cgroup.events.oomKill) },
        .init(ContainerMetrics.specMemoryLimit) {
            $0.cgroup.memoryCurrent == nil ? nil : plain($0.cgroup.memoryLimit ?? 0)
        },
    ]

    private static let pressure: [ContainerField] = [
        .init(ContainerMetrics.pressureWaiting("cpu")) { seconds($0.cgroup.cpuPressure.someTotal) },
        .init(ContainerMetrics.pressureStalled("cpu")) { seconds($0.cgroup.cpuPressure.fullTotal) },
        .init(ContainerMetrics.pressureWaiting("memory")) {
            seconds($0.cgroup.memoryPressure.someTotal)
        },
        .init(ContainerMetrics.pressureStalled("memory")) {
            seconds($0.cgroup.memoryPressure.fullTotal)
        },
        .init(ContainerMetrics.pressureWaiting("io")) { seconds($0.cgroup.ioPressure.someTotal) },
        .init(ContainerMetrics.pressureStalled("io")) { seconds($0.cgroup.ioPressure.fullTotal) },
    ]

    private static let processes: [ContainerField] = [
        .init(ContainerMetrics.threads) { plain($0.cgroup.pids) },
        .init(ContainerMetrics.threadsMax) {
            $0.cgroup.pids == nil ? nil : plain($0.cgroup.pidsLimit ?? 0)
        },
    ]

    private static let derived: [ContainerField] = [
        .init(ContainerMetrics.headroomRatio, ["resource": "memory"]) { $0.headroom.memory },
        .init(ContainerMetrics.headroomRatio, ["resource": "cpu"]) { $0.headroom.cpu },
        .init(ContainerMetrics.headroomRatio, ["resource": "pids"]) { $0.headroom.pids },
        .init(ContainerMetrics.headroomBytes, ["resource": "memory"]) { $0.headroom.memoryBytes },
        .init(ContainerMetrics.saturationRatio, ["resource": "cpu"]) {
            guard let waiting = $0.cgroup.cpuPressure.someAverage10 else {
                return $0.headroom.throttled
            }
            return max(waiting, $0.headroom.throttled ?? 0)
        },
        .init(ContainerMetrics.saturationRatio, ["resource": "memory"]) {
            $0.cgroup.memoryPressure.someAverage10
        },
        .init(ContainerMetrics.saturationRatio, ["resource": "io"]) {
            $0.cgroup.ioPressure.someAverage10
        },
        .init(ContainerMetrics.timeToFull, ["resource": "memory"]) { $0.headroom.memoryTime },
        .init(ContainerMetrics.timeToFull, ["resource": "pids"]) { $0.headroom.pidsTime },
    ]

    private static let log: [ContainerField] = [
        .init(ContainerMetrics.logLines, ["stream": "stdout"]) { unsigned($0.log?.stdoutLines) },
        .init(ContainerMetrics.logLines, ["stream": "stderr"]) { unsigned($0.log?.stderrLines) },
        .init(ContainerMetrics.logBytes, ["stream": "stdout"]) { unsigned($0.log?.stdoutBytes) },
        .init(ContainerMetrics.logBytes, ["stream": "stderr"]) { unsigned($0.log?.stderrBytes) },
        .init(ContainerMetrics.logDropped) { unsigned($0.log?.droppedRecords) },
    ]

    private static let more: [ContainerField] = [
        .init(ContainerMetrics.memoryEventsLow) { plain($0.cgroup.events.low) },
        .init(ContainerMetrics.memoryEventsOom) { plain($0.cgroup.events.oom) },
        .init(ContainerMetrics.memoryEventsOomKill) { plain($0.cgroup.events.oomKill) },
        .init(ContainerMetrics.memoryEventsOomGroupKill) { plain($0.cgroup.events.oomGroupKill) },
        .init(ContainerMetrics.cfsBurstPeriods) { limited($0, $0.cgroup.cpu.burstPeriods) },
        .init(ContainerMetrics.cfsBurstSeconds) {
            limited($0, $0.cgroup.cpu.burst).map { $0 / 1e6 }
        },
        .init(ContainerMetrics.healthState) {
            $0.life.isHealthy.map { $0 ? 1 : 0 }
        },
        .init(ContainerMetrics.restarts) { $0.life.restarts },
    ]

    static func plain(_ value: Int64?) -> Double? { value.map { Double($0) } }
    private static func unsigned(_ value: UInt64?) -> Double? { value.map { Double($0) } }
    static func seconds(_ microseconds: Int64?) -> Double? {
        microseconds.map { Double($0) / 1e6 }
    }
    /// Throttling means nothing without a quota.
    private static func limited(_ reading: borrowing ContainerReading, _ value: Int64?) -> Double? {
        reading.cgroup.quota?.quota == nil ? nil : value.map { Double($0) }
    }
}
