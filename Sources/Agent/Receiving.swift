// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import HTTPAPI
import Interchange
import Logging
import Model
import SeriesStore

/// What is taken in from other hosts, when the configuration says so.
enum Receiving {
    /// The server; nil when nothing is to be received.
    static func server(
        _ configuration: Configuration, store: SeriesStore, logs: LogKeeping?,
        counters: ReceiveCounters, logger: Logger, quiet: Logger
    ) throws(AgentError) -> ReceiveServer? {
        guard let receive = configuration.receive else { return nil }
        var options = ReceiveServer.Options()
        options.host = receive.host
        options.port = receive.port
        options.tls = receive.tls
        options.senders = receive.senders
        options.connections = Int(receive.maxConnections)
        options.limits.body = Int(receive.maxBody)
        options.limits.decoded = Int(receive.maxDecoded)
        options.limits.streams = Int(receive.maxStreams)
        let takesLines = !receive.protocols.isDisjoint(with: [.loki, .otlpLogs])
        if takesLines, logs == nil {
            logger.warning("receive: lines are not taken because logs.enabled is false")
        }
        let intake = logs?.intake(
            retention: configuration.logs.retention, limits: options.limits)
        let metrics =
            receive.protocols.contains(.remoteWrite)
            ? MetricIntake(into: store, limits: options.limits) : nil
        let scheme = receive.tls == nil ? "http" : "https"
        return ReceiveServer(
            options, metrics: metrics, logs: receive.protocols.contains(.loki) ? intake : nil,
            otlp: receive.protocols.contains(.otlpLogs) ? intake : nil, counters: counters,
            logger: quiet
        ) { port in
            logger.info(
                "receiving", metadata: ["address": "\(scheme)://\(receive.host):\(port ?? 0)"])
        }
    }

    /// What there is to say of it at each tick.
    static func readings(_ counts: ReceiveCounters.Snapshot) -> [SelfReading] {
        func plain(_ metric: MetricDescriptor, _ counts: [String: Int64]) -> [SelfReading] {
            counts.map { SelfReading(metric, ["protocol": $0.key], Double($0.value)) }
        }
        return plain(ReceiveMetrics.bytes, counts.bytes)
            + plain(ReceiveMetrics.records, counts.records)
            + plain(ReceiveMetrics.duplicates, counts.duplicates)
            + plain(ReceiveMetrics.late, counts.late)
            + counts.requests.map {
                SelfReading(
                    ReceiveMetrics.requests, ["protocol": $0.key.name, "result": $0.key.word],
                    Double($0.value))
            }
            + counts.refused.map {
                SelfReading(
                    ReceiveMetrics.refused, ["protocol": $0.key.name, "reason": $0.key.word],
                    Double($0.value))
            }
    }
}
