// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import Linux
import Logging
import Model
import Outputs
import Synchronization

/// The sinks of the configuration, each with its thread.
final class Shipping: Sendable {
    private let stores: ShipStores
    private let directory: String
    private let logger: Logger
    private let sinks = Mutex<[(options: SinkOptions, delivery: Delivery)]>([])

    init(stores: ShipStores, directory: String, logger: Logger) {
        self.stores = stores
        self.directory = directory
        self.logger = logger
    }

    /// Starts what is new, ends what is gone, and leaves alone what is as it was.
    func apply(_ wanted: [SinkOptions]) {
        let old = sinks.withLock { $0 }
        // A sink that was changed ends before it begins anew at its cursor.
        for sink in old where !wanted.contains(sink.options) { sink.delivery.stop() }
        var running = old.filter { wanted.contains($0.options) }
        for options in wanted where !old.contains(where: { $0.options == options }) {
            do {
                let delivery = try make(options)
                delivery.start()
                running.append((options, delivery))
            } catch {
                logger.error(
                    "a sink cannot be used: \(error)", metadata: ["sink": "\(options.name)"])
            }
        }
        sinks.withLock { $0 = running }
    }

    private func make(_ options: SinkOptions) throws -> Delivery {
        let logger = logger
        return try Delivery.make(options, stores: stores, directory: directory) { message in
            logger.warning("shipping: \(message)")
        }
    }

    /// Ends all sinks; their cursors stay.
    func stop() {
        for sink in sinks.withLock({ $0 }) { sink.delivery.stop() }
        sinks.withLock { $0 = [] }
    }

    /// How the sinks are doing.
    func statuses() -> [SinkStatus] { sinks.withLock { $0 }.map { $0.delivery.snapshot() } }

    /// Asks something of a sink; false when there is none of the name.
    func ask(_ name: String, _ request: SinkRequest) -> Bool {
        guard let sink = sinks.withLock({ $0.first { $0.options.name == name } }) else {
            return false
        }
        switch request {
        case .flush: sink.delivery.flush()
        case .replay(let time): sink.delivery.replay(since: time)
        }
        return true
    }

    /// What the sinks say of themselves at each tick.
    func readings() -> [SelfReading] {
        let now = Clock.realtimeMilliseconds()
        return statuses().flatMap { status in
            let sink: Labels = ["sink": status.name]
            let lag = status.backlog.oldest.map { max(0, now - $0) } ?? 0
            return [
                SelfReading(ShipMetrics.lagSeconds, sink, Double(lag) / 1000),
                SelfReading(ShipMetrics.lagBytes, sink, Double(status.backlog.bytes)),
                SelfReading(ShipMetrics.records, sink, Double(status.records)),
                SelfReading(ShipMetrics.bytes, sink, Double(status.bytes)),
                SelfReading(ShipMetrics.refused, sink, Double(status.refused)),
                SelfReading(ShipMetrics.gaps, sink, Double(status.gaps)),
                SelfReading(
                    ShipMetrics.lastSuccess, sink,
                    status.lastSuccessAt.map { Double($0) / 1000 } ?? 0),
            ]
                + status.attempts.map {
                    SelfReading(
                        ShipMetrics.attempts, ["sink": status.name, "result": $0.key],
                        Double($0.value))
                }
                + status.skipped.map {
                    SelfReading(
                        ShipMetrics.skipped, ["sink": status.name, "reason": $0.key],
                        Double($0.value))
                }
        }
    }
}
