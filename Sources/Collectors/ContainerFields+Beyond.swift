// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model

/// The series beyond cAdvisor's core: all of `memory.stat`, and what is read more seldom.
extension ContainerFields {
    static let memoryParts: [ContainerField] = ContainerMetrics.memoryParts.compactMap { part in
        guard let key = MemoryKey.named(part.key) else { return nil }
        return ContainerField(part.metric, isSparse: part.isSparse) {
            $0.cgroup.memory[key].map { Double($0) }
        }
    }

    static let beyond: [ContainerField] = [
        .init(ContainerMetrics.memoryReclaimable) { plain($0.cgroup.memory.reclaimable) },
        .init(ContainerMetrics.memoryUnreclaimable) { reading in
            guard let usage = reading.cgroup.memoryCurrent,
                let reclaimable = reading.cgroup.memory.reclaimable
            else { return nil }
            return Double(max(0, usage - reclaimable))
        },
        .init(ContainerMetrics.memoryOther) { plain(other($0.cgroup)) },
        .init(ContainerMetrics.memoryEventsSockThrottled, isSparse: true) {
            plain($0.cgroup.events.sockThrottled)
        },
        .init(ContainerMetrics.memoryEventsLocalLow, isSparse: true) {
            plain($0.cgroup.extras.localEvents.low)
        },
        .init(ContainerMetrics.memoryEventsLocalHigh) {
            plain($0.cgroup.extras.localEvents.high)
        },
        .init(ContainerMetrics.memoryEventsLocalMax) { plain($0.cgroup.extras.localEvents.max) },
        .init(ContainerMetrics.memoryEventsLocalOom) { plain($0.cgroup.extras.localEvents.oom) },
        .init(ContainerMetrics.memoryEventsLocalOomKill) {
            plain($0.cgroup.extras.localEvents.oomKill)
        },
        .init(ContainerMetrics.memorySwapPeak, isSparse: true) { plain($0.cgroup.extras.swapPeak) },
        .init(ContainerMetrics.memorySwapEventsHigh, isSparse: true) {
            plain($0.cgroup.extras.swapEvents.high)
        },
        .init(ContainerMetrics.memorySwapEventsMax) { plain($0.cgroup.extras.swapEvents.max) },
        .init(ContainerMetrics.memorySwapEventsFail) { plain($0.cgroup.extras.swapEvents.fail) },
        .init(ContainerMetrics.memoryZswapCurrent, isSparse: true) {
            plain($0.cgroup.extras.zswap)
        },
    ]

    static let beyondCPU: [ContainerField] = [
        .init(ContainerMetrics.cpuNice, isSparse: true) { seconds($0.cgroup.cpu.nice) },
        .init(ContainerMetrics.cpuForcedIdle, isSparse: true) { seconds($0.cgroup.cpu.forcedIdle) },
        .init(ContainerMetrics.cpuLocalThrottled) { seconds($0.cgroup.extras.localThrottled) },
        .init(ContainerMetrics.pidsPeak) { plain($0.cgroup.extras.pidsPeak) },
        .init(ContainerMetrics.pidsMaxEvents) { plain($0.cgroup.extras.pidsMaxEvents) },
        .init(ContainerMetrics.pidsLocalMaxEvents) { plain($0.cgroup.extras.pidsLocalMaxEvents) },
        .init(ContainerMetrics.irqStalled) { seconds($0.cgroup.extras.irqPressure.fullTotal) },
        .init(ContainerMetrics.pressureStalledRatio("irq")) {
            $0.cgroup.extras.irqPressure.fullAverage10
        },
        .init(ContainerMetrics.pressureWaitingRatio("cpu")) {
            $0.cgroup.cpuPressure.someAverage10
        },
        .init(ContainerMetrics.pressureStalledRatio("cpu")) {
            $0.cgroup.cpuPressure.fullAverage10
        },
        .init(ContainerMetrics.pressureWaitingRatio("memory")) {
            $0.cgroup.memoryPressure.someAverage10
        },
        .init(ContainerMetrics.pressureStalledRatio("memory")) {
            $0.cgroup.memoryPressure.fullAverage10
        },
        .init(ContainerMetrics.pressureWaitingRatio("io")) { $0.cgroup.ioPressure.someAverage10 },
        .init(ContainerMetrics.pressureStalledRatio("io")) { $0.cgroup.ioPressure.fullAverage10 },
        .init(ContainerMetrics.descendants, isSparse: true) { plain($0.cgroup.extras.descendants) },
        .init(ContainerMetrics.dyingDescendants, isSparse: true) {
            plain($0.cgroup.extras.dyingDescendants)
        },
        .init(ContainerMetrics.frozen) { plain($0.cgroup.extras.frozen) },
        .init(ContainerMetrics.frozenSeconds, isSparse: true) {
            seconds($0.cgroup.extras.frozenMicroseconds)
        },
    ]

    static let spec: [ContainerField] = [
        .init(ContainerMetrics.specMemoryHigh) { plain($0.cgroup.extras.memoryHigh) },
        .init(ContainerMetrics.specMemoryReservation) { reading in
            guard let low = reading.cgroup.extras.memoryLow else { return nil }
            return Double(max(low, reading.cgroup.extras.memoryMin ?? 0))
        },
        .init(ContainerMetrics.specSwapLimit) { plain($0.cgroup.extras.swapLimit) },
        .init(ContainerMetrics.specZswapLimit) { plain($0.cgroup.extras.zswapLimit) },
        .init(ContainerMetrics.specOomGroup) { plain($0.cgroup.extras.oomGroup) },
        .init(ContainerMetrics.specCPUShares) { $0.cgroup.extras.cpuWeight.map(shares) },
        .init(ContainerMetrics.specCPUWeight) { plain($0.cgroup.extras.cpuWeight) },
        .init(ContainerMetrics.specIOWeight) { plain($0.cgroup.extras.ioWeight) },
        .init(ContainerMetrics.specCPUIdle, isSparse: true) { plain($0.cgroup.extras.cpuIdle) },
        .init(ContainerMetrics.specCPUBurst, isSparse: true) {
            seconds($0.cgroup.extras.cpuBurst)
        },
        .init(ContainerMetrics.effectiveCPUs) { plain($0.cgroup.extras.effectiveCPUs) },
        .init(ContainerMetrics.effectiveNodes, isSparse: true) {
            plain($0.cgroup.extras.effectiveNodes)
        },
    ]

    /// What is left of the usage when its known parts are taken away. The parts are flushed now and
    /// then only, so that they may pass the usage for a moment: that is 0.
    private static func other(_ reading: borrowing CgroupReading) -> Int64? {
        guard let usage = reading.memoryCurrent, let anon = reading.memory[.anon],
            let file = reading.memory[.file], let kernel = reading.memory.kernelSum
        else { return nil }
        let known = anon &+ file &+ kernel &+ (reading.memory[.sock] ?? 0)
        return max(0, usage &- known)
    }

    /// The inverse of runc's conversion (opencontainers/cgroups, `ConvertCPUSharesToCgroupV2Value`):
    /// with l = log2(shares), weight = 10^((l² + 125 l) / 612 - 7/34).
    private static func shares(_ weight: Int64) -> Double {
        let exponent = log10(Double(max(1, weight))) + 7.0 / 34
        let l = (-125 + (15625 + 4 * 612 * exponent).squareRoot()) / 2
        return exp2(l).rounded()
    }
}

extension MemoryKey {
    /// The key that the file calls `name`.
    static func named(_ name: String) -> MemoryKey? {
        allCases.first { "\($0.name)" == name }
    }
}

/// Series of which a container has one for each device, size or resource, and most have none.
struct NamedSeries {
    private var known: [(metric: String, value: String, series: SeriesRef)] = []
    /// What is sampled until there is another reading.
    private var samples: [(series: SeriesRef, value: Double)] = []
    private var version = -1
    private static let limit = 128

    static let metrics: [MetricDescriptor] = [
        ContainerMetrics.hugetlbUsage, ContainerMetrics.hugetlbLimit,
        ContainerMetrics.hugetlbFailures, ContainerMetrics.rdmaHandles,
        ContainerMetrics.rdmaObjects, ContainerMetrics.miscUsage, ContainerMetrics.miscLimit,
        ContainerMetrics.deviceMemory, ContainerMetrics.memoryNUMA,
        ContainerMetrics.specIOBytes, ContainerMetrics.specIOOperations,
        ContainerMetrics.specIOLatency,
    ]

    /// Adds the samples of a reading.
    mutating func sample(
        _ extras: borrowing CgroupExtras, into batch: inout Batch, appender: any Appender,
        target: TargetRef
    ) throws {
        if extras.version != version {
            samples.removeAll(keepingCapacity: true)
            version = extras.version
            try take(extras, appender, target)
        }
        for (series, value) in samples { batch.append(series, value) }
    }

    private mutating func take(
        _ extras: borrowing CgroupExtras, _ appender: any Appender, _ target: TargetRef
    ) throws {
        for pages in extras.hugetlb {
            let values: [(MetricDescriptor, Int64?)] = [
                (ContainerMetrics.hugetlbUsage, pages.usage),
                (ContainerMetrics.hugetlbLimit, pages.limit),
                (ContainerMetrics.hugetlbFailures, pages.failures),
            ]
            for (metric, value) in values {
                try add(metric, "pagesize", pages.size, value, appender, target)
            }
        }
        for part in extras.numa {
            try add(
                ContainerMetrics.memoryNUMA, part.type + " " + part.node,
                ["numa_type": part.type, "numa_node": part.node], Double(part.bytes), appender,
                target)
        }
        for device in extras.rdma {
            try add(
                ContainerMetrics.rdmaHandles, "device", device.device, device.handles,
                appender, target)
            try add(
                ContainerMetrics.rdmaObjects, "device", device.device, device.objects,
                appender, target)
        }
        for (name, value) in extras.misc {
            try add(ContainerMetrics.miscUsage, "resource", name, value, appender, target)
        }
        for (name, value) in extras.miscLimits {
            try add(ContainerMetrics.miscLimit, "resource", name, value, appender, target)
        }
        for (name, value) in extras.deviceMemory {
            try add(ContainerMetrics.deviceMemory, "region", name, value, appender, target)
        }
        try takeIO(extras, appender, target)
    }

    private mutating func takeIO(
        _ extras: borrowing CgroupExtras, _ appender: any Appender, _ target: TargetRef
    ) throws {
        for limit in extras.ioLimits {
            let operation = limit.isRead ? "read" : "write"
            try add(
                limit.isBytes ? ContainerMetrics.specIOBytes : ContainerMetrics.specIOOperations,
                limit.device + " " + operation,
                ["device": limit.device, "operation": operation], Double(limit.perSecond),
                appender, target)
        }
        for (device, microseconds) in extras.ioLatencies {
            try add(
                ContainerMetrics.specIOLatency, device, ["device": device],
                Double(microseconds) / 1e6, appender, target)
        }
    }

    private mutating func add(
        _ metric: MetricDescriptor, _ label: String, _ name: String, _ value: Int64?,
        _ appender: any Appender, _ target: TargetRef
    ) throws {
        var labels = Labels()
        labels[label] = name
        try add(metric, name, labels, value.map { Double($0) }, appender, target)
    }

    /// Like sparse fields, these begin with their first value other than 0.
    private mutating func add(
        _ metric: MetricDescriptor, _ name: String, _ labels: Labels, _ value: Double?,
        _ appender: any Appender, _ target: TargetRef
    ) throws {
        guard let value else { return }
        if let found = known.first(where: { $0.metric == metric.name && $0.value == name }) {
            return samples.append((found.series, value))
        }
        guard value != 0, known.count < Self.limit else { return }
        let series = try appender.series(metric, target: target, labels: labels)
        known.append((metric.name, name, series))
        samples.append((series, value))
    }
}
