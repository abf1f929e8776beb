// SPDX-License-Identifier: Apache-2.0

import Model

/// Reads back since when alerts were pending before a restart (Prometheus' `RestoreForState`).
enum StateRestoring {
    /// Moves the beginnings of the pending alerts of `alerting` to what `ALERTS_FOR_STATE` says, so
    /// that the time the agent was away does not count, and none fires before the grace period.
    static func restore(
        _ alerting: inout AlertingState, at now: Milliseconds, _ context: EvaluationContext
    ) {
        let options = context.options
        let hold = alerting.rule.holdDuration
        // A rule that waits no longer than the grace period waits anew.
        guard hold >= options.gracePeriod, !alerting.active.isEmpty else { return }
        let range = TimeRange(start: now - options.outageTolerance, end: now)
        let matchers = [
            Matcher(Labels.metricName, .equal, "ALERTS_FOR_STATE"),
            Matcher(Alert.nameLabel, .equal, alerting.rule.name),
        ]
        guard let found = try? context.querier.select(matchers, in: range, hints: SelectHints())
        else { return }
        for series in found {
            var labels = series.labels
            labels[Labels.metricName] = ""
            guard alerting.active[labels] != nil, let last = last(of: series, in: range) else {
                continue
            }
            let downAt = last.time
            let activeAt = Milliseconds(last.value) * 1000
            let remaining = hold - (downAt - activeAt)
            if remaining <= 0 {
                // It fired already: the next evaluation says so again.
                alerting.restore(labels, activeAt: activeAt)
            } else if remaining < options.gracePeriod {
                alerting.restore(labels, activeAt: now + options.gracePeriod - hold)
            } else {
                alerting.restore(labels, activeAt: activeAt + (now - downAt))
            }
        }
    }

    /// The last sample, unless it says that the alert was over.
    private static func last(
        of series: SelectedSeries, in range: TimeRange
    ) -> (time: Milliseconds, value: Double)? {
        var buffer = SampleBuffer()
        var last: (time: Milliseconds, value: Double)?
        while (try? series.cursor.next(into: &buffer)) == true {
            for (time, value) in zip(buffer.timestamps, buffer.values) where time <= range.end {
                last = (time, value)
            }
        }
        guard let last, !StaleMarker.isStale(last.value), abs(last.value) < 1e15 else {
            return nil
        }
        return last
    }
}
