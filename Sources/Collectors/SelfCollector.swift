// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model

/// One number that some part of the agent says of itself.
public struct SelfReading: Sendable {
    /// What it is.
    public var metric: MetricDescriptor
    /// What sets it apart from others of the metric.
    public var labels: Labels
    /// The number.
    public var value: Double
    /// What the sample is called, when it is not called as the metric.
    public var sampleName: String?

    /// A reading.
    public init(
        _ metric: MetricDescriptor, _ labels: Labels = [:], _ value: Double,
        sampleName: String? = nil
    ) {
        self.sampleName = sampleName
        self.metric = metric
        self.labels = labels
        self.value = value
    }
}

/// The agent's own numbers: the process, and what its parts say.
final class SelfCollector {
    private struct Key: Hashable {
        let name: String
        let labels: Labels
    }

    private var series: [Key: SeriesRef] = [:]
    private var target: TargetRef?
    private let started = Double(Clock.realtimeMilliseconds()) / 1000
    private var buffer = ReadBuffer(capacity: 1024)
    private let statFile = KernelFile(path: "/proc/self/stat")

    func collect(
        _ readings: [SelfReading], into batch: inout Batch, appender: any Appender
    ) throws {
        for reading in readings + process() {
            let key = Key(name: reading.sampleName ?? reading.metric.name, labels: reading.labels)
            let ref: SeriesRef
            if let known = series[key] {
                ref = known
            } else {
                let target = try self.target ?? appender.target([:])
                self.target = target
                ref = try appender.series(
                    reading.metric, sampleName: key.name, target: target, labels: reading.labels)
                series[key] = ref
            }
            batch.append(ref, reading.value)
        }
    }

    private func process() -> [SelfReading] {
        var readings = [SelfReading(AgentMetrics.processStart, started)]
        if let now = try? statFile?.read(into: &buffer, { ProcessStat($0) }) ?? nil {
            let ticks = Double(now.userTicks &+ now.systemTicks)
            readings.append(
                SelfReading(AgentMetrics.processCPU, ticks / Double(Clock.ticksPerSecond)))
            readings.append(
                SelfReading(
                    AgentMetrics.processMemory, Double(now.residentPages &* Clock.pageSize)))
        }
        // Since Linux 6.2 the size of the directory is the number of entries (proc(5)).
        var status = stat()
        if stat("/proc/self/fd", &status) == 0, status.st_size > 0 {
            readings.append(SelfReading(AgentMetrics.processFDs, Double(status.st_size)))
        }
        return readings
    }
}

extension SelfReading {
    init(_ metric: MetricDescriptor, _ value: Double) { self.init(metric, [:], value) }
}
