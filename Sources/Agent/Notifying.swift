// SPDX-License-Identifier: Apache-2.0

import Codecs
import Collectors
import Config
import HTTPAPI
import Linux
import Logging
import Model
import Notify
import Synchronization

/// The notifier as the agent has it: its settings, its numbers, and what the API does with it.
enum Notifying {
    static func open(
        _ configuration: Configuration, _ directory: DataDirectory, _ logger: Logger
    ) throws(AgentError) -> Notifier {
        do {
            return try Notifier(
                configuration.notify, directory: directory.agent, logger: logger)
        } catch { throw AgentError("cannot set up notifications: \(error)") }
    }

    /// What the agent says of its notifications.
    static func readings(_ notifier: Notifier) -> [SelfReading] {
        let statistics = notifier.statistics
        var readings = [
            SelfReading(
                AgentMetrics.alertmanagerDropped, [:], Double(statistics.droppedAlerts)),
            SelfReading(
                AgentMetrics.alertmanagerCapacity, [:], Double(NotifyStatistics.queueCapacity)),
            SelfReading(
                AgentMetrics.alertmanagersKnown, [:], Double(statistics.alertmanagers.count)),
            SelfReading(AgentMetrics.notificationsQueued, [:], Double(statistics.queued)),
            SelfReading(AgentMetrics.alertsGrouped, [:], Double(statistics.alerts)),
        ]
        for (url, counts) in statistics.alertmanagers {
            let labels: Labels = ["alertmanager": url]
            readings += [
                SelfReading(AgentMetrics.alertmanagerSent, labels, Double(counts.sent)),
                SelfReading(AgentMetrics.alertmanagerErrors, labels, Double(counts.errors)),
                SelfReading(AgentMetrics.alertmanagerQueue, labels, Double(counts.queued)),
            ]
        }
        for (integration, counts) in statistics.integrations {
            let labels: Labels = [
                "receiver": integration.receiver, "integration": integration.name,
            ]
            let results = [
                ("sent", counts.sent), ("failed", counts.failed), ("dropped", counts.dropped),
            ]
            readings += results.map { result, count in
                SelfReading(
                    AgentMetrics.notifications, labels.merging(["result": result]), Double(count))
            }
            readings += [
                SelfReading(AgentMetrics.notificationRetries, labels, Double(counts.retries)),
                SelfReading(AgentMetrics.notificationSeconds, labels, counts.seconds),
            ]
        }
        for (reason, count) in statistics.suppressed {
            readings.append(
                SelfReading(AgentMetrics.alertsSuppressed, ["reason": reason], Double(count)))
        }
        return readings + silences(notifier)
    }

    private static func silences(_ notifier: Notifier) -> [SelfReading] {
        let now = Clock.realtimeMilliseconds()
        let states = notifier.silences.all.map { $0.state(at: now) }
        return [Silence.State.active, .pending, .expired].map { state in
            SelfReading(
                AgentMetrics.silences, ["state": state.rawValue],
                Double(states.count { $0 == state }))
        }
    }

    /// What the API does with it.
    static func services(_ notifier: Notifier) -> AlertServices {
        var services = AlertServices()
        services.silences = {
            var json = JSONWriter()
            let now = Clock.realtimeMilliseconds()
            SilenceStore.write(notifier.silences.all, to: &json, at: now)
            return json.bytes
        }
        services.addSilence = { bytes throws(AlertServices.Refusal) in
            do throws(NotifyError) {
                let silence = try SilenceStore.read(bytes)
                return try notifier.silences.add(silence, at: Clock.realtimeMilliseconds())
            } catch { throw AlertServices.Refusal(error.description) }
        }
        services.expireSilence = { id throws(AlertServices.Refusal) in
            do throws(NotifyError) {
                try notifier.silences.expire(id, at: Clock.realtimeMilliseconds())
            } catch { throw AlertServices.Refusal(error.description) }
        }
        services.receivers = { notifier.receivers }
        services.alertmanagers = { notifier.statistics.alertmanagers.keys.sorted() }
        services.test = { wait(for: notifier, receiver: $0) }
        return services
    }

    /// Tests a receiver from a thread that may block: one of the API's.
    private static func wait(
        for notifier: Notifier, receiver: String
    ) -> [(name: String, error: String?)]? {
        guard let done = try? Wakeup() else { return [("", "no wake-up event")] }
        let outcome = Outcome()
        Task {
            let result = await notifier.test(receiver: receiver)
            outcome.value.withLock { $0 = .some(result) }
            done.wake()
        }
        // Every way has a time of its own, minutes at most.
        guard done.wait(milliseconds: 600_000), let result = outcome.value.withLock({ $0 }) else {
            return [(receiver, "no outcome within ten minutes")]
        }
        return result.map { $0.map { ($0.name, $0.error) } }
    }

    private final class Outcome: Sendable {
        let value = Mutex<[Notifier.TestOutcome]??>(nil)
    }
}
