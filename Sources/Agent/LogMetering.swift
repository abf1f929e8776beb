// SPDX-License-Identifier: Apache-2.0

import Collectors
public import Config
import LogQL
import Model
import PromQL

/// The metrics that the configuration makes of log lines.
public enum LogMetering {
    /// Says what is wrong with them. Throws `AgentError`.
    public static func check(_ configuration: Configuration) throws {
        _ = try meters(configuration)
    }

    static func meters(_ configuration: Configuration) throws(AgentError) -> LogMeters? {
        guard !configuration.logs.metrics.isEmpty else { return nil }
        var metrics: [LogMetric] = []
        for one in configuration.logs.metrics {
            do throws(QueryError) {
                metrics.append(
                    try LogMetric(
                        name: one.name, help: one.help, kind: .init(rawValue: one.type) ?? .count,
                        query: one.query, value: one.value, labels: one.labels,
                        buckets: one.buckets))
            } catch {
                throw AgentError("logs.metrics: \(one.name): \(error.message)")
            }
        }
        do throws(QueryError) { return try LogMeters(metrics) } catch {
            throw AgentError("logs.metrics: \(error.message)")
        }
    }

    /// Their samples for the store.
    static func readings(_ meters: LogMeters) -> [SelfReading] {
        let (samples, dropped) = meters.readings()
        return samples.map {
            SelfReading($0.metric, $0.labels, $0.value, sampleName: $0.sampleName)
        }
            + dropped.map {
                SelfReading(
                    LogMetrics.meterDropped, ["metric": $0.metric, "reason": $0.reason],
                    Double($0.count))
            }
    }
}

/// Stores lines and counts them for metrics, each once.
struct MeteredSink: LogSink {
    let store: any LogSink
    let meters: LogMeters

    func checkpoint(of identity: LogIdentity) throws -> LogCheckpoint {
        try store.checkpoint(of: identity)
    }

    func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws {
        try store.append(batch, of: identity)
        meters.observe(batch, of: identity)
    }

    func flush(_ identity: LogIdentity) throws { try store.flush(identity) }

    func sync(_ identity: LogIdentity) throws { try store.sync(identity) }

    func close(_ identity: LogIdentity) throws { try store.close(identity) }
}
