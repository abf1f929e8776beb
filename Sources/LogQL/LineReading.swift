// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// What a pipeline asks of the store, and the ways to go through what the store yields.
struct LineReading {
    private let pipeline: LogPipeline
    private var query = LogQuery()

    /// The lines from `start` to `end`, both included, in nanoseconds.
    init(
        _ pipeline: LogPipeline, _ processor: LineProcessor, from start: Int64, to end: Int64,
        backward: Bool = false, sequences: [String: Int64] = [:]
    ) {
        self.pipeline = pipeline
        query.start = start
        query.end = end
        query.filters = processor.filters
        query.from = sequences
        query.backward = backward
    }

    /// Calls `body` with each entry by time, until it says false.
    func inOrder(
        of querier: any LogQuerier, meter: inout Meter,
        _ body: (
            LogEntry, KnownStream, UnsafeRawBufferPointer, inout Meter
        ) throws(QueryError) -> Bool
    ) throws(QueryError) {
        try run(querier, &meter) { (cursor, streams, meter) in
            while let entry = try cursor.next() {
                try meter.saw(entry.bytes.count)
                let stream = streams.stream(of: entry)
                guard stream.isSelected else { continue }
                let goesOn = try entry.bytes.withUnsafeBytes { bytes in
                    try body(entry, stream, bytes, &meter)
                }
                if !goesOn { return }
            }
        }
    }

    /// Calls `body` with each line, log by log, without copying any; gaps are left out.
    func inAnyOrder(
        of querier: any LogQuerier, meter: inout Meter,
        _ body: (
            UnsafeRawBufferPointer, Int64, KnownStream, inout Meter
        ) throws(QueryError) -> Void
    ) throws(QueryError) {
        try run(querier, &meter) { (cursor, streams, meter) in
            try cursor.forEach { entry in
                try meter.saw(entry.bytes.count)
                guard !entry.isGap else { return true }
                let stream = streams.stream(
                    of: entry.origin, entry.stream, entry.level, isGap: false)
                if stream.isSelected {
                    try body(entry.bytes, entry.timestamp, stream, &meter)
                }
                return true
            }
        }
    }

    private func run(
        _ querier: any LogQuerier, _ meter: inout Meter,
        _ body: (any LogCursor, KnownStreams, inout Meter) throws -> Void
    ) throws(QueryError) {
        do {
            let streams = try KnownStreams(pipeline.matchers, among: try querier.logs([]))
            guard !streams.identities.isEmpty, query.start <= query.end else { return }
            var query = query
            query.streams = streams.outputs
            query.levels = streams.levels
            if let interruption = meter.interruption {
                query.isCancelled = { interruption() != nil }
            }
            try body(try querier.entries(query, of: streams.identities), streams, &meter)
            // An interrupted store ends early without an error of its own.
            if let error = meter.interruption?() { throw error }
        } catch let error as QueryError {
            throw error
        } catch {
            throw QueryError(.execution, "\(error)")
        }
    }
}
