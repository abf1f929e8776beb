// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What became of notifications, since the start.
public struct NotifyStatistics: Sendable {
    /// One way of one receiver.
    public struct Integration: Hashable, Sendable {
        /// The receiver's name.
        public let receiver: String
        /// The kind, such as `slack`.
        public let name: String
    }

    /// The counts of one way.
    public struct Counts: Sendable {
        /// Notifications delivered.
        public internal(set) var sent: Int64 = 0
        /// Notifications given up.
        public internal(set) var failed: Int64 = 0
        /// Notifications that found no room.
        public internal(set) var dropped: Int64 = 0
        /// Attempts that will be made again.
        public internal(set) var retries: Int64 = 0
        /// Seconds that attempts took.
        public internal(set) var seconds = 0.0
    }

    /// The counts of one Alertmanager, in alerts.
    public struct Alertmanager: Sendable {
        /// Alerts delivered.
        public internal(set) var sent: Int64 = 0
        /// Alerts in requests that failed.
        public internal(set) var errors: Int64 = 0
        /// Requests.
        public internal(set) var requests: Int64 = 0
        /// Seconds that requests took.
        public internal(set) var seconds = 0.0
        /// Alerts that wait.
        public internal(set) var queued = 0
    }

    /// Alerts that may wait for one Alertmanager.
    public static let queueCapacity = AlertQueue.standardCapacity

    /// By way.
    public internal(set) var integrations: [Integration: Counts] = [:]
    /// By the Alertmanager's address.
    public internal(set) var alertmanagers: [String: Alertmanager] = [:]
    /// Alerts that found no room anywhere.
    public internal(set) var droppedAlerts: Int64 = 0
    /// Alerts not told of, by reason: `inhibited`, `silenced`, `muted`.
    public internal(set) var suppressed: [String: Int64] = [:]
    /// Alerts in groups now.
    public internal(set) var alerts = 0
    /// Groups now.
    public internal(set) var groups = 0
    /// Notifications that wait now.
    public internal(set) var queued = 0
}

/// Counts from several tasks at once.
final class NotifyCounters: Sendable {
    private let statistics = Mutex(NotifyStatistics())

    /// The counts so far.
    var snapshot: NotifyStatistics { statistics.withLock { $0 } }

    /// Makes sure that a way is reported before anything has happened.
    func declare(_ integration: NotifyStatistics.Integration) {
        count(integration) { _ in }
    }

    func count(
        _ integration: NotifyStatistics.Integration,
        _ change: (inout NotifyStatistics.Counts) -> Void
    ) {
        statistics.withLock { change(&$0.integrations[integration, default: .init()]) }
    }

    func count(
        alertmanager: String, _ change: (inout NotifyStatistics.Alertmanager) -> Void
    ) {
        statistics.withLock { change(&$0.alertmanagers[alertmanager, default: .init()]) }
    }

    func drop(alerts: Int) { statistics.withLock { $0.droppedAlerts += Int64(alerts) } }
}
