// SPDX-License-Identifier: Apache-2.0

public import Codecs
public import Model
public import SeriesStore

/// Takes samples out of a text into a series store. For one thread.
///
/// It owns one batch of bounded size. Text flows in by `feed`, in pieces of any size; a full batch
/// goes to the store, durably. When the text is wrong or the store refuses, what went before stays
/// stored, and importing the same text again does no harm: a sample that is there already wins.
public final class SeriesImport {
    /// What came of it.
    public struct Report: Hashable, Sendable {
        /// Samples stored, or read when nothing is to be stored.
        public var samples = 0
        /// Samples passed over, because their series had one at that time in the same batch.
        public var duplicates = 0
        /// The bounds of the samples' times; the first is after the last when there are none.
        public var first = Milliseconds.max
        /// See `first`.
        public var last = Milliseconds.min
    }

    /// Samples held until they are stored.
    static let maxSamples = 500_000
    /// Series held until they are stored, however few their samples.
    static let maxSeries = 50_000

    /// What has been stored so far.
    public private(set) var report = Report()
    /// Where the samples go; nil when the text is only checked.
    private let store: SeriesStore?
    private var parser: OpenMetricsParser

    private var families = Families()
    private var series: [BackfillSeries] = []
    private var places: [Labels: Int] = [:]
    private var held = 0
    private var latest: (labels: Labels, place: Int)?

    /// An import into `store` of a text in this format; without a store it is only checked.
    public init(into store: SeriesStore?, format: OpenMetricsParser.Format = .openMetrics) {
        self.store = store
        parser = OpenMetricsParser(format, requiresTime: true)
    }

    /// Takes the next bytes. Throws `OpenMetricsError` with the place, or what the store throws.
    public func feed(_ bytes: ArraySlice<UInt8>) throws {
        try parser.feed(bytes) { try take($0) }
    }

    /// Says that the text has ended, and stores the rest. Throws as `feed` does.
    public func finish() throws -> Report {
        try parser.end { try take($0) }
        try flush()
        return report
    }

    private func take(_ event: OpenMetricsParser.Event) throws {
        switch event {
        case .type(let family, let type): families.remember(family, type: type)
        case .help(let family, let help): families.remember(family, help: help)
        case .unit(let family, let unit): families.remember(family, unit: unit)
        case .sample(let labels, let value, let timestamp):
            // The parser has refused a sample without a time.
            try add(labels, value, at: timestamp ?? 0)
        }
    }

    private func add(_ labels: Labels, _ value: Double, at time: Milliseconds) throws {
        let place: Int
        if let latest, latest.labels == labels {
            place = latest.place
        } else {
            place = self.place(of: labels)
            latest = (labels, place)
        }
        series[place].timestamps.append(time)
        series[place].values.append(value)
        report.first = min(report.first, time)
        report.last = max(report.last, time)
        held += 1
        if held >= Self.maxSamples || series.count >= Self.maxSeries { try flush() }
    }

    private func place(of labels: Labels) -> Int {
        if let known = places[labels] { return known }
        let name = labels[Labels.metricName]
        var own = labels
        own[Labels.metricName] = ""
        series.append(
            BackfillSeries(
                descriptor: families.family(of: name), sampleName: name, labels: own,
                timestamps: [],
                values: []))
        places[labels] = series.count - 1
        return series.count - 1
    }

    private func flush() throws {
        latest = nil
        guard held > 0 else { return }
        if let store {
            let outcome = try store.backfill(series)
            report.samples += outcome.accepted
            report.duplicates += outcome.duplicate
        } else {
            report.samples += held
        }
        series.removeAll()
        places.removeAll()
        held = 0
    }
}
