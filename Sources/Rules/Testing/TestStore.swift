// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import Synchronization

/// Series in memory, for tests of rules: what the test gives and what the rules make.
final class TestStore: Appender, SeriesQuerier {
    fileprivate struct Series {
        let labels: Labels
        var times: [Milliseconds] = []
        var values: [Double] = []
    }

    fileprivate struct State {
        var targets: [Labels] = []
        var series: [Series] = []
        var numbers: [Labels: Int] = [:]
        /// The series of each timeline's last tick.
        var present: [UInt16: Set<Int>] = [:]
        var visibleUntil = Milliseconds.max
    }

    private let state = Mutex(State())

    /// Adds samples from outside.
    func load(_ labels: Labels, _ times: [Milliseconds], _ values: [Double]) {
        state.withLock { state in
            let number = state.number(of: labels)
            state.series[number].times += times
            state.series[number].values += values
        }
    }

    /// Hides samples after `time`.
    func show(until time: Milliseconds) { state.withLock { $0.visibleUntil = time } }

    func target(_ labels: Labels) throws -> TargetRef {
        state.withLock { state in
            state.targets.append(labels)
            return TargetRef(raw: UInt32(state.targets.count - 1))
        }
    }

    func series(
        _ metric: MetricDescriptor, sampleName: String, target: TargetRef, labels: Labels
    ) throws -> SeriesRef {
        state.withLock { state in
            var all = state.targets[Int(target.raw)].merging(labels)
            all[Labels.metricName] = sampleName
            return SeriesRef(raw: UInt32(state.number(of: all)))
        }
    }

    func append(_ batch: borrowing Batch) -> AppendOutcome {
        let (time, timeline) = (batch.timestamp, batch.timeline)
        let (series, values) = (batch.series, batch.values)
        return state.withLock { state in
            var outcome = AppendOutcome()
            let now = Set(series.map { Int($0.raw) })
            for (ref, value) in zip(series, values) {
                guard state.insert(value, at: time, into: Int(ref.raw)) else {
                    outcome.outOfOrder += 1
                    continue
                }
                outcome.accepted += 1
            }
            for gone in state.present[timeline] ?? [] where !now.contains(gone) {
                _ = state.insert(StaleMarker.value, at: time, into: gone)
            }
            state.present[timeline] = now
            return outcome
        }
    }

    func retire(_ target: TargetRef) {}

    func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        let compiled = try CompiledMatchers(matchers)
        return state.withLock { state in
            let end = min(range.end, state.visibleUntil)
            return state.series.filter { compiled.match($0.labels) }
                .sorted { $0.labels.precedes($1.labels) }
                .map { one in
                    let from = one.times.firstIndex { $0 >= range.start } ?? one.times.count
                    let to = one.times.firstIndex { $0 > end } ?? one.times.count
                    var buffer = SampleBuffer()
                    if from < to {
                        buffer.timestamps = Array(one.times[from..<to])
                        buffer.values = Array(one.values[from..<to])
                    }
                    return SelectedSeries(labels: one.labels, cursor: Cursor(buffer))
                }
        }
    }

    func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] {
        try select(matchers, in: range, hints: SelectHints()).map(\.labels)
    }

    func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] { [] }

    func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String] { [] }

    func metadata() throws -> [MetricDescriptor] { [] }

    private final class Cursor: SampleCursor {
        private var rest: SampleBuffer?

        init(_ buffer: SampleBuffer) { rest = buffer.timestamps.isEmpty ? nil : buffer }

        func next(into buffer: inout SampleBuffer) throws -> Bool {
            buffer.removeAll()
            guard let rest else { return false }
            buffer = rest
            self.rest = nil
            return true
        }
    }
}

extension TestStore.State {
    fileprivate mutating func number(of labels: Labels) -> Int {
        if let known = numbers[labels] { return known }
        series.append(TestStore.Series(labels: labels))
        numbers[labels] = series.count - 1
        return series.count - 1
    }

    /// Adds a sample unless there is a later one.
    fileprivate mutating func insert(
        _ value: Double, at time: Milliseconds, into number: Int
    ) -> Bool {
        let last = series[number].times.last ?? .min
        guard time >= last else { return false }
        if time == last {
            return series[number].values.last?.bitPattern == value.bitPattern
        }
        series[number].times.append(time)
        series[number].values.append(value)
        return true
    }
}
