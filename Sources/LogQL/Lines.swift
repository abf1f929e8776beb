// SPDX-License-Identifier: Apache-2.0

import Matching
public import Model
public import PromQL

/// Which lines of a query are wanted.
public struct LineRequest: Hashable, Sendable {
    /// The first nanosecond.
    public var start: Int64
    /// The first nanosecond that is not wanted any more.
    public var end: Int64
    /// Lines at most.
    public var limit = 100
    /// Whether the oldest come first, and are the ones within the limit.
    public var isForward = false
    /// Nanoseconds that the lines of one stream are apart at least.
    public var interval: Int64 = 0
    /// For a container's id, the first sequence wanted: where an earlier query ended.
    public var from: [String: Int64] = [:]

    /// The newest lines from `start` to before `end`.
    public init(start: Int64, end: Int64) {
        self.start = start
        self.end = end
    }
}

/// Lines that have all labels in common.
public struct LineStream: Hashable, Sendable {
    /// One line.
    public struct Line: Hashable, Sendable {
        /// Nanoseconds since the Unix epoch.
        public var timestamp: Int64
        /// The text. Untrusted.
        public var bytes: [UInt8]
    }

    /// All labels.
    public var labels: Labels
    /// Those that are of the stream.
    public var stream: Labels
    /// Those that the store knows besides.
    public var metadata: Labels
    /// Those that stages made.
    public var parsed: Labels
    /// The lines, in the order asked for.
    public var lines: [Line] = []
}

/// The lines a query found.
public struct LineResult: Hashable, Sendable {
    /// The streams, in the order in which their first line was met.
    public var streams: [LineStream]
    /// What it cost.
    public var stats: LogStats
    /// For a container's id, the sequence after the last line looked at.
    public var next: [String: Int64]
}

extension LogEngine {
    /// The lines of a query.
    public func lines(
        _ pipeline: LogPipeline, _ request: LineRequest, options query: QueryOptions = .init()
    ) throws(QueryError) -> LineResult {
        let clock = ContinuousClock()
        let began = clock.now
        let processor: LineProcessor
        do throws(PatternError) { processor = try LineProcessor(pipeline) } catch {
            throw QueryError(.badData, error.description)
        }
        var meter = Meter(options, query.interruption)
        var found = FoundLines(options, request)
        guard request.start < request.end, request.limit > 0 else {
            return LineResult(streams: [], stats: meter.stats, next: request.from)
        }
        let reading = LineReading(
            pipeline, processor, from: request.start, to: request.end - 1,
            backward: !request.isForward, sequences: request.from)
        try reading.inOrder(of: querier, meter: &meter) {
            (entry, stream, bytes, meter) throws(QueryError) in
            found.looked(at: entry, of: stream)
            guard
                processor.run(
                    bytes, timestamp: entry.timestamp, isFiltered: !entry.isGap, of: stream)
            else { return true }
            meter.took()
            return try found.take(processor, stream)
        }
        var stats = meter.stats
        stats.seconds = (clock.now - began).seconds
        return LineResult(streams: found.streams, stats: stats, next: found.next)
    }
}

/// Collects lines by their labels.
private struct FoundLines {
    private let options: LogEngine.Options
    private let request: LineRequest
    private(set) var streams: [LineStream] = []
    private(set) var next: [String: Int64]
    private var numbers: [Labels: Int] = [:]
    private var lastTimes: [Int64?] = []
    private var count = 0
    private var bytes = 0

    init(_ options: LogEngine.Options, _ request: LineRequest) {
        self.options = options
        self.request = request
        next = request.from
    }

    mutating func looked(at entry: LogEntry, of stream: KnownStream) {
        guard entry.sequence >= 0 else { return }
        next[stream.id] = max(next[stream.id] ?? 0, entry.sequence + 1)
    }

    /// Takes the line that was processed; false when there are enough.
    mutating func take(_ processor: LineProcessor, _ stream: KnownStream) throws(QueryError) -> Bool
    {
        let number = try number(processor, stream)
        let state = processor.state
        if request.interval > 0, let last = lastTimes[number],
            (state.timestamp - last).magnitude < request.interval.magnitude
        {
            return true
        }
        lastTimes[number] = state.timestamp
        bytes += state.bytes.count + 64
        guard bytes <= options.maxAnswer else {
            throw QueryError(
                .badData,
                "the lines are larger than \(options.maxAnswer >> 20) MiB together. Take a "
                    + "smaller limit")
        }
        streams[number].lines.append(
            .init(timestamp: state.timestamp, bytes: Array(state.bytes)))
        count += 1
        return count < min(request.limit, options.maxLines)
    }

    private mutating func number(
        _ processor: LineProcessor, _ stream: KnownStream
    ) throws(QueryError) -> Int {
        if !processor.changesLabels {
            if let known = stream.target { return known }
            processor.state.labels.reset(stream: stream.labels, metadata: stream.metadata)
        }
        let labels = processor.state.labels
        let all = labels.all
        let number = numbers[all] ?? streams.count
        if number == streams.count {
            numbers[all] = number
            streams.append(
                LineStream(
                    labels: all, stream: Labels(sorted: labels.made(.stream)),
                    metadata: Labels(sorted: labels.made(.metadata)),
                    parsed: Labels(sorted: labels.made(.parsed))))
            lastTimes.append(nil)
        }
        if !processor.changesLabels { stream.target = number }
        return number
    }
}
