// SPDX-License-Identifier: Apache-2.0

import Linux
import Logging
import Model

/// Brings one Alertmanager its alerts, batch by batch, for as long as the task lives.
struct AlertmanagerWorker: Sendable {
    let url: TargetURL
    let queue: AlertQueue
    let poster: HTTPPoster
    let counters: NotifyCounters
    let logger: Logger
    var backoff = Backoff(longest: 30_000)

    /// The address without what may be secret in its path.
    var name: String { url.appending("") }

    func run() async {
        var backoff = backoff
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            let batch = await queue.next()
            guard !batch.isEmpty else { return }
            switch await post(batch) {
            case .sent:
                if backoff.failures > 0 {
                    logger.notice("Alertmanager is back", metadata: ["address": "\(name)"])
                }
                backoff.reset()
            case .failed(let reason):
                logger.error("Alertmanager refused alerts", metadata: ["reason": "\(reason)"])
            case .retry(let reason, let after):
                counters.drop(alerts: queue.giveBack(batch))
                if backoff.failures == 0, !Task.isCancelled {
                    logger.warning(
                        "cannot reach Alertmanager; alerts wait", metadata: ["reason": "\(reason)"])
                }
                let wait = backoff.next(atLeast: after, using: &random)
                try? await Task.sleep(for: .milliseconds(wait))
            }
        }
    }

    /// Posts alerts once.
    func post(_ alerts: [Alert]) async -> Outcome {
        let start = Clock.monotonicNanoseconds()
        let outcome = await poster.post(
            HTTPPoster.Request(
                url: url.appending("/api/v2/alerts"), body: AlertmanagerJSON.alerts(alerts)))
        let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
        counters.count(alertmanager: name) { counts in
            counts.requests += 1
            counts.seconds += seconds
            if case .sent = outcome {
                counts.sent += Int64(alerts.count)
            } else {
                counts.errors += Int64(alerts.count)
            }
        }
        return outcome
    }
}
