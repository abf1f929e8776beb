// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// Puts the series of one rule into the store, on a timeline of its own: what the rule yields no
/// more ends there, and an evaluation that fails leaves no trace, as in Prometheus.
///
/// Each series is a target of its own, named by all its labels and `__name__`: it shares no target
/// with a sampler, so that it can be given back alone.
struct RuleWriter: Sendable {
    private struct Handle: Sendable {
        let target: TargetRef
        let series: SeriesRef
    }

    private let store: any Appender
    private let timeline: UInt16
    private var known: [Labels: Handle] = [:]
    /// The time written last.
    private var written: Milliseconds = 0
    /// Samples that the store did not take.
    private(set) var dropped = 0

    init(store: any Appender, timeline: UInt16) {
        self.store = store
        self.timeline = timeline
    }

    /// Writes `samples`, whose labels have their name and are all different, at `time`. Series that
    /// were written before and are not among them end.
    mutating func write(_ samples: [VectorSample], at time: Milliseconds) {
        guard !samples.isEmpty || !known.isEmpty else { return }
        var batch = Batch(timestamp: time, timeline: timeline)
        var live: [Labels: Handle] = [:]
        live.reserveCapacity(samples.count)
        for sample in samples {
            do {
                let handle = try known[sample.labels] ?? register(sample.labels)
                live[sample.labels] = handle
                batch.append(handle.series, sample.point.value)
            } catch { dropped += 1 }
        }
        let outcome = store.append(batch)
        written = time
        dropped += outcome.dropped + outcome.duplicate + outcome.outOfOrder
        for (labels, handle) in known where live[labels] == nil { store.retire(handle.target) }
        // A handle may have become void with the store's memory of it; another is had next time.
        known = outcome.dropped > 0 ? [:] : live
    }

    /// Ends all series at `time`, or just after what was written last.
    mutating func end(at time: Milliseconds) { write([], at: max(time, written + 1)) }

    private func register(_ labels: Labels) throws -> Handle {
        let name = labels[Labels.metricName]
        let target = try store.target(labels)
        return Handle(
            target: target,
            series: try store.series(
                MetricDescriptor(name, .gauge, help: "Made by a rule.", source: "a rule file"),
                sampleName: name, target: target, labels: [:]))
    }
}
