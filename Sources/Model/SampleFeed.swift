// SPDX-License-Identifier: Apache-2.0

/// A place in the order in which a store took samples: everything before it was delivered.
///
/// A store fills *sections* one after the other, each with one list of ticks for each timeline.
/// Within a section the place is a number of ticks; a tick, or a section that is on the disk, that
/// is too large to be delivered at once is delivered piece by piece, and `piece` says how far.
public struct SamplePosition: Hashable, Sendable {
    /// How far a stretch of ticks was delivered whose end is not reached.
    public enum Piece: Hashable, Sendable {
        /// Series of ticks up to `end` of a timeline, of which `done` columns are delivered.
        case columns(timeline: UInt16, end: Int, done: Int)
        /// Rows of the rest of a section, of which those before `row` and `done` entries of it
        /// are delivered.
        case entries(row: Int64, done: Int)
    }

    /// The section's number; they ascend, with holes.
    public var section: Int64
    /// Ticks of the section that are delivered whole, by timeline.
    public var ticks: [UInt16: Int]
    /// What is delivered after them.
    public var piece: Piece?

    /// The start of a section; 0 is before all there is.
    public init(section: Int64 = 0) {
        self.section = section
        ticks = [:]
    }

    /// The place as one line: section, ticks and piece, such as `12 0=300 c0:301:2000`.
    public var text: String {
        var words = ["\(section)"]
        words += ticks.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        switch piece {
        case .columns(let timeline, let end, let done): words.append("c\(timeline):\(end):\(done)")
        case .entries(let row, let done): words.append("e\(row):\(done)")
        case nil: break
        }
        return words.joined(separator: " ")
    }

    /// Reads what `text` gives; nil when it is something else.
    public init?(text: some StringProtocol) {
        let words = text.split(separator: " ")
        guard let first = words.first, let section = Int64(first), section >= 0 else { return nil }
        self.init(section: section)
        for word in words.dropFirst() {
            let kind = word.first
            let numbers = (kind == "c" || kind == "e" ? word.dropFirst() : word[...])
                .split { $0 == ":" || $0 == "=" }.map { Int64($0) }
            switch (kind, numbers.count) {
            case ("c", 3):
                guard let timeline = numbers[0].flatMap(UInt16.init(exactly:)),
                    let end = numbers[1], let done = numbers[2]
                else { return nil }
                piece = .columns(timeline: timeline, end: Int(end), done: Int(done))
            case ("e", 2):
                guard let row = numbers[0], let done = numbers[1] else { return nil }
                piece = .entries(row: row, done: Int(done))
            case (_, 2):
                guard let timeline = numbers[0].flatMap(UInt16.init(exactly:)),
                    let count = numbers[1], count >= 0
                else { return nil }
                ticks[timeline] = Int(count)
            default: return nil
            }
        }
    }
}

/// What a feed gives at once: runs of samples, one series each, every series at most once.
public struct SampleSlice: Sendable {
    /// Samples of one series in time order. The end of a stretch in which the series was present
    /// is a stale marker.
    public struct Run: Sendable {
        /// The number by which the series is known in this slice's epoch.
        public var series: Int
        /// The timeline it is sampled on.
        public var timeline: UInt16
        /// Where its samples are in `timestamps` and `values`.
        public var samples: Range<Int>

        /// A run of these parts.
        public init(series: Int, timeline: UInt16, samples: Range<Int>) {
            self.series = series
            self.timeline = timeline
            self.samples = samples
        }
    }

    /// What a series is called.
    public struct Names: Sendable {
        /// All labels, `__name__` included.
        public var labels: Labels
        /// The family it belongs to.
        public var descriptor: MetricDescriptor

        /// A series' names.
        public init(labels: Labels, descriptor: MetricDescriptor) {
            self.labels = labels
            self.descriptor = descriptor
        }
    }

    /// The section the samples belong to.
    public var section: Int64 = 0
    /// Numbers of series mean the same in slices of the same epoch.
    public var epoch: Int64 = 0
    /// The series with their samples.
    public var runs: [Run] = []
    /// Milliseconds since the Unix epoch.
    public var timestamps: [Milliseconds] = []
    /// The value at each timestamp.
    public var values: [Double] = []
    /// The names of those series of `runs` that the reader did not know.
    public var names: [Int: Names] = [:]
    /// The first tick of the section, for each timeline of which every series that has samples in
    /// that tick is delivered when this slice is.
    public var opened: [UInt16: Milliseconds] = [:]
    /// Where the next slice begins.
    public var next = SamplePosition()
    /// Whether samples that should have come before this slice are not in the store any more.
    public var isAfterGap = false

    /// An empty slice.
    public init() {}

    /// Forgets everything, keeping the memory.
    public mutating func removeAll() {
        runs.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        opened.removeAll(keepingCapacity: true)
        isAfterGap = false
    }
}

/// The series of which a reader has the names.
public struct KnownSeries: Sendable {
    /// What the numbers belong to.
    public var epoch: Int64 = -1
    /// The series' numbers.
    public var series: Set<Int> = []

    /// None.
    public init() {}

    /// Whether a series is known.
    public func contains(_ number: Int, epoch: Int64) -> Bool {
        epoch == self.epoch && series.contains(number)
    }
}

/// What a reader of a feed has still to come.
public struct SampleBacklog: Hashable, Sendable {
    /// Samples after the position.
    public var samples: Int64 = 0
    /// Bytes they take in the store, about.
    public var bytes: Int64 = 0
    /// When the first of them was taken; nil when there are none.
    public var oldest: Milliseconds?

    /// Nothing to come.
    public init() {}
}
