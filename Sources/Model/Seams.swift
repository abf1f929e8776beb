// SPDX-License-Identifier: Apache-2.0

// Every protocol that connects one floor to another. Conformers are on floors 2 and up; `Agent`
// is the only place that brings them together.

/// Finds containers of one engine.
public protocol Discoverer: Sendable {
    /// Who runs the containers found.
    var engine: Container.Engine { get }

    /// Watches until its task is cancelled, then returns.
    ///
    /// Calls `deliver` with the complete list of the engine's containers, once at the start and
    /// again after each change, at most a second late. A list replaces the one before it.
    /// Throws when watching is impossible for good; the caller reports it and the other engines
    /// go on.
    func run(deliver: @escaping @Sendable ([Container]) -> Void) async throws
}

/// Where samplers put what they read. Called from one sampling thread at a time.
public protocol Appender: Sendable {
    /// The handle for something measured, whose labels (`id`, `name`, ... but no `__name__`)
    /// all its series share. The same labels give the same handle.
    func target(_ labels: Labels) throws -> TargetRef

    /// The handle for a series of `target`: a metric with the labels that set it apart from the
    /// target's other series of that metric. `sampleName` is what the series is called, the
    /// family's name but for histograms and summaries. The same arguments give the same handle.
    func series(
        _ metric: MetricDescriptor, sampleName: String, target: TargetRef, labels: Labels
    ) throws -> SeriesRef

    /// Stores one tick. Never blocks on the disk being full: what cannot be kept is counted in
    /// the outcome, and the reason in the store's own metrics.
    func append(_ batch: borrowing Batch) -> AppendOutcome

    /// Says that `target` is gone: its series are stale from the next tick on, and their memory
    /// may be given back. Its handles must not be used again.
    func retire(_ target: TargetRef)
}

extension Appender {
    /// The series of a family whose samples carry the family's own name.
    public func series(
        _ metric: MetricDescriptor, target: TargetRef, labels: Labels = Labels()
    ) throws -> SeriesRef {
        try series(metric, sampleName: metric.name, target: target, labels: labels)
    }
}

/// What a query says about the samples it needs, so that a store can choose a resolution.
public struct SelectHints: Hashable, Sendable {
    /// The time between two evaluations, 0 for an instant query.
    public var step: Milliseconds
    /// The width of a range selector, 0 for a plain selector.
    public var window: Milliseconds
    /// The function applied to the range, such as `rate`; empty for none.
    public var function: String
    /// Whether the newest sample before the range is wanted when samples are so far apart that there
    /// may be none at its start. With neither a step nor a window the newest sample up to the end of
    /// the range is all that is wanted.
    public var looksBack: Bool

    /// Hints for an evaluation every `step` of windows `window` wide.
    public init(
        step: Milliseconds = 0, window: Milliseconds = 0, function: String = "",
        looksBack: Bool = false
    ) {
        self.step = step
        self.window = window
        self.function = function
        self.looksBack = looksBack
    }
}

/// Yields the samples of one series, run by run, so that a query holds one decoded chunk of a
/// series at a time. Used by one thread.
public protocol SampleCursor: AnyObject {
    /// Replaces the contents of `buffer` by the next run of samples, later than all before it.
    /// The end of a stretch in which the series was present is a sample that is a stale marker.
    /// False, with an empty buffer, when there are no more.
    func next(into buffer: inout SampleBuffer) throws -> Bool
}

/// A series that matched, and the way to its samples.
public struct SelectedSeries {
    /// All labels, `__name__` included.
    public let labels: Labels
    /// The samples within the range asked for; with `SelectHints.looksBack` also those before it
    /// that are the newest at its start.
    public let cursor: any SampleCursor
    /// The time between two samples when some are downsampled, which a selector has to look back
    /// twice as far as; 0 for samples as they were taken.
    public let resolution: Milliseconds

    /// A match.
    public init(labels: Labels, cursor: any SampleCursor, resolution: Milliseconds = 0) {
        self.labels = labels
        self.cursor = cursor
        self.resolution = resolution
    }
}

/// Answers selectors out of stored series. Safe to call from several threads at once.
public protocol SeriesQuerier: Sendable {
    /// The series that satisfy all `matchers` and may have samples in `range`, sorted by labels.
    /// Blocks while it reads the disk.
    func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries]

    /// The label sets that satisfy all `matchers` and may have samples in `range`, sorted.
    func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels]

    /// The names of labels of the series that satisfy all `matchers`, sorted.
    func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String]

    /// The values of one label over the series that satisfy all `matchers`, sorted.
    func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String]

    /// The descriptors of the metrics known, by name.
    func metadata() throws -> [MetricDescriptor]
}

/// Gives everything that a store took, in the order in which it took it, to readers that remember
/// how far they are. Safe to call from several threads at once.
public protocol SampleFeed: Sendable {
    /// The place after everything taken so far.
    func end() -> SamplePosition

    /// The place of the first tick at or after `time`.
    func position(at time: Milliseconds) throws -> SamplePosition

    /// Replaces `slice` by what follows `position`: about `limit` samples, more when the ticks of
    /// one series are more. The names of `known` series are left out. False when there is nothing
    /// yet. Blocks while it reads the disk.
    func read(
        after position: SamplePosition, limit: Int, known: KnownSeries,
        into slice: inout SampleSlice
    ) throws -> Bool

    /// How much follows `position`.
    func backlog(after position: SamplePosition) throws -> SampleBacklog
}

/// Writes what a Prometheus server scrapes.
public protocol ExpositionSource: Sendable {
    /// Appends the newest value of every live series that `request` asks for, families sorted by
    /// name, each with its `# HELP` and `# TYPE`. Throws for a selector that cannot be compiled.
    func expose(_ request: ExpositionRequest, into output: inout [UInt8]) throws
}

/// Where tailers put what they read.
public protocol LogSink: Sendable {
    /// Up to where the container's file is stored; empty when nothing is.
    func checkpoint(of identity: LogIdentity) throws -> LogCheckpoint

    /// Takes a batch. What it holds is stored together with its checkpoint, whole or not at all,
    /// now or at the next `flush`. Throws when the disk is full, for example; the batch is then
    /// not taken and may be offered again.
    func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws

    /// Writes down what was taken, so that readers see it and a killed agent finds it again.
    func flush(_ identity: LogIdentity) throws

    /// Waits until what was written down is on the disk, so that a power failure does not take it.
    func sync(_ identity: LogIdentity) throws

    /// Writes down what was taken of a log that is not written any more, and gives back its memory.
    func close(_ identity: LogIdentity) throws
}

extension LogSink {
    /// Nothing: for sinks that keep nothing on a disk.
    public func sync(_ identity: LogIdentity) throws {}
}

/// What is done to the lines of one log on their way into a sink. Used by one thread.
public protocol LogTransform: AnyObject {
    /// Whether `continues` may say yes.
    var joinsLines: Bool { get }

    /// Whether a line belongs to the entry before it of its stream. Asked once for each line of the
    /// log, in order.
    func continues(_ line: UnsafeRawBufferPointer, _ stream: LogStream) -> Bool

    /// Adds to `output` what becomes of the entries of a batch, and gives it the batch's checkpoint.
    func apply(_ batch: borrowing LogBatch, into output: inout LogBatch)
}

/// Yields entries one by one. Used by one thread.
public protocol LogCursor: AnyObject {
    /// The next entry, or nil when there are no more. What cannot be read comes as a gap.
    func next() throws -> LogEntry?

    /// Calls `body` with the next entry, without copying it; false when there are no more.
    func next(_ body: (LogEntryView) throws -> Void) throws -> Bool

    /// Calls `body` with every entry that is left, without copying it: log by log, each log in its
    /// order. Ends early when `body` says false.
    func forEach(_ body: (LogEntryView) throws -> Bool) throws
}

extension LogCursor {
    /// The next entry by the way of a copy.
    public func next(_ body: (LogEntryView) throws -> Void) throws -> Bool {
        guard let entry = try next() else { return false }
        try entry.bytes.withUnsafeBytes { try body(LogEntryView(entry, $0)) }
        return true
    }
}

/// Answers queries out of stored logs. Safe to call from several threads at once.
public protocol LogQuerier: Sendable {
    /// The logs that satisfy the matchers, in order of name and then of when they began.
    func logs(_ matchers: [Matcher]) throws -> [LogIdentity]

    /// The entries asked for, of all logs that match, in order of time; `origin` counts along
    /// what `logs` gives. Reads no block that its index rules out, and none before it is needed.
    func select(_ query: LogQuery) throws -> any LogCursor

    /// The entries asked for of these logs, whatever the query's matchers; `origin` counts along
    /// `identities`.
    func entries(_ query: LogQuery, of identities: [LogIdentity]) throws -> any LogCursor

    /// How much of each of these logs lies between two times, in nanoseconds, the last included.
    func extents(
        _ identities: [LogIdentity], from start: Int64, to end: Int64
    ) throws -> [LogExtent]
}

/// Where a rule engine hands the alerts that somebody should know of.
public protocol AlertSink: Sendable {
    /// Takes the alerts that one evaluation of one group has to say something about: those that
    /// began to fire, those that still do and were last handed over long enough ago
    /// (`resend_delay`), and those resolved, again for 15 minutes after their end.
    ///
    /// A firing alert has its `startsAt`, and as `endsAt` the time until which it counts as firing
    /// if nothing more is heard of it: the evaluation's time plus four times the longer of the
    /// group's interval and the resend delay, as Prometheus does. A resolved one has its end as
    /// `endsAt`. Pending alerts are not handed over. Label sets are unique in a batch.
    ///
    /// Returns at once and never fails: what finds no room is dropped and counted by the sink.
    /// May be called from any thread.
    func send(_ alerts: [Alert])
}
