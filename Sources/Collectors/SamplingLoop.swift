// SPDX-License-Identifier: Apache-2.0

import Linux
public import Model

/// One tick: every collector once, into one batch, appended once. Owned by the sampling thread.
///
/// A collector that fails is counted and the others go on; what each costs is measured and exported
/// with the next tick.
public final class SamplingLoop {
    private let appender: any Appender
    private let containers: ContainerCollector
    private let host = HostCollector()
    private let node: NodeCollector
    private let own = SelfCollector()
    private var batch = Batch(timestamp: 0)
    private var durations: [String: Double] = [:]
    private var failures: [String: Int] = [:]
    private var total = AppendOutcome()

    /// A loop that appends to `appender`.
    public init(
        appender: any Appender, containers: ContainerCollector = ContainerCollector(),
        node: NodeCollector = NodeCollector()
    ) {
        self.appender = appender
        self.containers = containers
        self.node = node
    }

    /// Changes the container collector's options.
    public func setOptions(_ options: ContainerCollector.Options) { containers.setOptions(options) }

    /// Sets where the lines are counted of containers whose engine does not.
    public func setTailed(_ tailed: @escaping (ContainerKey) -> LogCounters?) {
        containers.tailed = tailed
    }

    /// What each container uses, as of the last tick.
    public var stats: [ContainerStats] { containers.stats }

    /// Processes of each container that were killed for want of memory, as of the last tick.
    public var kills: [ContainerKills] { containers.kills }

    /// How each running container is confined.
    public var findings: [(Container, [AuditFinding])] { containers.findings }

    /// Runs one tick at `timestamp` for `list`, with `readings` from other parts of the agent.
    public func tick(
        at timestamp: Milliseconds, containers list: [Container], readings: [SelfReading]
    ) {
        batch.reset(timestamp: timestamp)
        measure("container") {
            containers.update(list, appender: appender)
            containers.collect(into: &batch, appender: appender)
        }
        measure("host") { try host.collect(into: &batch, appender: appender) }
        measure("node") { node.collect(into: &batch, appender: appender) }
        measure("self") {
            try own.collect(
                readings + ownReadings(list), into: &batch, appender: appender)
        }
        let outcome = appender.append(batch)
        total.accepted += outcome.accepted
        total.outOfOrder += outcome.outOfOrder
        total.duplicate += outcome.duplicate
        total.dropped += outcome.dropped
    }

    /// Takes over the containers of `list` and reads those that are new. No samples are stored: that
    /// is for ticks.
    public func look(at list: [Container], time: Milliseconds) {
        containers.update(list, appender: appender)
        batch.reset(timestamp: time)
        containers.collect(into: &batch, appender: appender, onlyNew: true)
    }

    private func measure(_ name: String, _ body: () throws -> Void) {
        let start = Clock.monotonicNanoseconds()
        do { try body() } catch { failures[name, default: 0] += 1 }
        durations[name] = Double(Clock.monotonicNanoseconds() - start) / 1e9
    }

    private func ownReadings(_ list: [Container]) -> [SelfReading] {
        var readings = durations.map {
            SelfReading(AgentMetrics.collectorDuration, ["collector": $0.key], $0.value)
        }
        for name in ["container", "host", "self"] {
            let count = failures[name, default: 0] + (name == "container" ? containers.errors : 0)
            readings.append(
                SelfReading(AgentMetrics.collectorErrors, ["collector": name], Double(count)))
        }
        for (name, count) in node.errors {
            readings.append(
                SelfReading(
                    AgentMetrics.collectorErrors, ["collector": "node_" + name], Double(count)))
        }
        for state in [Container.State.created, .running, .exited, .dead] {
            let count = list.count { $0.state == state }
            readings.append(
                SelfReading(AgentMetrics.containers, ["state": state.rawValue], Double(count)))
        }
        readings.append(
            SelfReading(AgentMetrics.slowContainers, [:], Double(containers.slowContainers)))
        readings.append(SelfReading(AgentMetrics.counterResets, [:], Double(containers.held)))
        readings.append(SelfReading(AgentMetrics.samplesAppended, [:], Double(total.accepted)))
        for (reason, count) in [
            ("out_of_order", total.outOfOrder), ("duplicate", total.duplicate),
            ("dropped", total.dropped),
        ] {
            readings.append(
                SelfReading(AgentMetrics.samplesRejected, ["reason": reason], Double(count)))
        }
        return readings
    }
}
