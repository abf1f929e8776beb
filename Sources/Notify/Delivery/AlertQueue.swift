// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// The alerts that one Alertmanager has still to get, the newest state of each: bounded, and the
/// oldest go first when there is no room, as in Prometheus.
final class AlertQueue: Sendable {
    private struct State {
        var order: [UInt64] = []
        var waiting: [UInt64: Alert] = [:]
    }

    private let state = Mutex(State())
    private let signal = Signal()
    private let capacity: Int

    /// Alerts that may wait, as in Prometheus (`--alertmanager.notification-queue-capacity`).
    static let standardCapacity = 10_000
    /// Alerts in one request, as in Prometheus.
    static let batch = 256

    init(capacity: Int = AlertQueue.standardCapacity) { self.capacity = capacity }

    /// How many wait.
    var count: Int { state.withLock { $0.waiting.count } }

    /// Takes alerts; returns how many had to go for them.
    func offer(_ alerts: [Alert]) -> Int {
        let dropped = state.withLock { state in
            for alert in alerts {
                let key = alert.fingerprint.raw
                if state.waiting.updateValue(alert, forKey: key) == nil { state.order.append(key) }
            }
            return trim(&state)
        }
        signal.wake()
        return dropped
    }

    /// Puts back what could not be sent, unless something newer of an alert has come. Returns how
    /// many had to go.
    func giveBack(_ alerts: [Alert]) -> Int {
        state.withLock { state in
            let older = alerts.filter { state.waiting[$0.fingerprint.raw] == nil }
            for alert in older { state.waiting[alert.fingerprint.raw] = alert }
            state.order.insert(contentsOf: older.map(\.fingerprint.raw), at: 0)
            return trim(&state)
        }
    }

    private func trim(_ state: inout State) -> Int {
        let excess = max(0, state.order.count - capacity)
        for key in state.order.prefix(excess) { state.waiting[key] = nil }
        state.order.removeFirst(excess)
        return excess
    }

    /// The next batch, oldest first; waits for one. Empty when the task is cancelled.
    func next() async -> [Alert] {
        while !Task.isCancelled {
            let batch = state.withLock { state in
                let keys = state.order.prefix(Self.batch)
                state.order.removeFirst(keys.count)
                return keys.compactMap { state.waiting.removeValue(forKey: $0) }
            }
            if !batch.isEmpty { return batch }
            await signal.wait()
        }
        return []
    }
}
