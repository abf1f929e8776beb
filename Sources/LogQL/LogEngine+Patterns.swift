// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
public import Pipeline
public import PromQL

extension LogEngine {
    /// Steps a form's counts may have; a smaller step is made longer.
    private static let maxPatternSteps: Int64 = 500

    /// The forms that the lines of a query have, the most frequent first, counted by steps of time.
    /// `start`, `end` and `step` are in nanoseconds.
    public func patterns(
        _ pipeline: LogPipeline, from start: Int64, to end: Int64, step: Int64,
        options query: QueryOptions = .init()
    ) throws(QueryError) -> [Pipeline.LinePattern] {
        guard start < end, step > 0 else { return [] }
        let processor: LineProcessor
        do throws(PatternError) { processor = try LineProcessor(pipeline) } catch {
            throw QueryError(.badData, error.description)
        }
        let span = end.subtractingReportingOverflow(start)
        let shortest = span.overflow ? Int64.max : span.partialValue / Self.maxPatternSteps
        var miner = PatternMiner(step: max(step, shortest))
        var meter = Meter(options, query.interruption)
        let reading = LineReading(pipeline, processor, from: start, to: end - 1)
        try reading.inAnyOrder(of: querier, meter: &meter) {
            (bytes, timestamp, stream, meter) throws(QueryError) in
            guard processor.run(bytes, timestamp: timestamp, isFiltered: true, of: stream) else {
                return
            }
            let level = LogLevel(word: stream.labels[StreamLabels.level]) ?? .unknown
            miner.add(Array(bytes), time: timestamp, level: level)
        }
        return miner.patterns
    }
}
