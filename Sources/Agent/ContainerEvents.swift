// SPDX-License-Identifier: Apache-2.0

import Collectors
import Discovery
import Events
import HTTPAPI
import Linux
import Model

/// What happens to containers, from discovery and the kernel into the event log.
final class ContainerEvents: Sendable {
    private let log: EventLog
    private let detector: EventDetector
    private let watch: CgroupWatch?

    init(directory: String, maxBytes: Int64) throws(AgentError) {
        do { log = try EventLog(directory: directory, maxBytes: maxBytes) } catch {
            throw AgentError(error.description)
        }
        let detector = EventDetector(log: log, start: Clock.realtimeMilliseconds())
        self.detector = detector
        watch = CgroupWatch { notice in
            switch notice {
            case .ended(let key, let totals): detector.note(totals, of: key)
            case .outOfMemory(let key, let kills):
                detector.note(oomKills: kills, of: key, now: Clock.realtimeMilliseconds())
            }
        }
    }

    /// Follows `registry` until the task is cancelled.
    func run(_ registry: ContainerRegistry) async throws {
        registry.observe { list in
            self.detector.update(list, now: Clock.realtimeMilliseconds())
            self.watch?.update(registry.unmerged())
        }
        await watch?.run()
    }

    /// Takes over what a tick found.
    func tick(_ kills: [ContainerKills], at now: Milliseconds) {
        detector.tick(now: now)
        for one in kills { detector.note(oomKills: one.kills, of: one.key, now: now) }
    }

    /// Answers `/api/v1/events`; nil when a filter is none.
    func select(_ request: EventRequest) -> (lines: [[UInt8]], last: Int64)? {
        var query = EventQuery()
        query.range = request.range
        query.after = request.after
        query.limit = request.limit
        for filter in request.filters {
            guard query.addFilter(filter) else { return nil }
        }
        // Taken first, so that none between the two is passed over; who reads on goes by the
        // greater of this and the numbers of the events.
        let last = log.last
        return (log.select(query), last)
    }

    /// What the agent says of it.
    var readings: [SelfReading] {
        let counts = log.statistics
        return ContainerEvent.Kind.allCases.map {
            SelfReading(
                AgentMetrics.events, ["event": $0.rawValue], Double(counts.written[$0, default: 0]))
        } + [
            SelfReading(AgentMetrics.eventsDropped, [:], Double(counts.dropped)),
            SelfReading(AgentMetrics.storeBytes, ["part": "events"], Double(counts.bytes)),
        ]
    }
}
