// SPDX-License-Identifier: Apache-2.0

import Linux
import Logging
import Model

/// Tells one integration what its queue holds, one notification after the other, each until it is
/// delivered, refused, replaced by a newer one of its group, or a day old.
struct DeliveryWorker: Sendable {
    let integration: NotifyStatistics.Integration
    let queue: DeliveryQueue
    let sender: any Sender
    let counters: NotifyCounters
    let logger: Logger
    var backoff = Backoff()

    /// Milliseconds after which a notification is given up.
    static let maxAge: Milliseconds = 86_400_000

    /// What a worker tells of each end: whether the notification was delivered.
    typealias Finish = @Sendable (NotificationLog.Key, Notification, Bool) -> Void

    func run(finished: Finish) async {
        while let (key, notification) = await queue.next() {
            await deliver(key, notification, finished)
        }
    }

    private func deliver(
        _ key: NotificationLog.Key, _ first: Notification, _ finished: Finish
    ) async {
        var notification = first
        var backoff = backoff
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            switch await attempt(notification) {
            case .sent(let note):
                counters.count(integration) { $0.sent += 1 }
                if let note { log(.warning, "a notification reached not everybody", note) }
                if backoff.failures > 0 { log(.notice, "notifications get through again", "") }
                finished(key, notification, true)
                // What came meanwhile is told too, unless it says the same.
                guard let newer = queue.newer(key), !newer.says(whatOf: notification) else {
                    return
                }
                notification = newer
                backoff.reset()
            case .failed(let reason):
                refuse(reason)
                return finished(key, notification, false)
            case .retry(let reason, let after):
                if Clock.realtimeMilliseconds() - notification.time > Self.maxAge {
                    refuse(reason)
                    return finished(key, notification, false)
                }
                counters.count(integration) { $0.retries += 1 }
                if backoff.failures == 0, !Task.isCancelled {
                    log(.warning, "cannot notify; it is tried again", reason)
                }
                let wait = backoff.next(atLeast: after, using: &random)
                try? await Task.sleep(for: .milliseconds(wait))
                if let newer = queue.newer(key) { notification = newer }
            }
        }
    }

    private func refuse(_ reason: String) {
        counters.count(integration) { $0.failed += 1 }
        log(.error, "cannot notify", reason)
    }

    private func attempt(_ notification: Notification) async -> Outcome {
        let start = Clock.monotonicNanoseconds()
        let outcome = await sender.send(notification)
        let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
        counters.count(integration) { $0.seconds += seconds }
        return outcome
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ reason: String) {
        var metadata: Logger.Metadata = [
            "receiver": "\(integration.receiver)", "integration": "\(integration.name)",
        ]
        if !reason.isEmpty { metadata["reason"] = "\(reason)" }
        logger.log(level: level, message, metadata: metadata)
    }
}
