// SPDX-License-Identifier: Apache-2.0

/// Milliseconds since the Unix epoch: the resolution of Prometheus' data model.
public typealias Milliseconds = Int64

/// A closed interval of time in milliseconds since the Unix epoch.
public struct TimeRange: Hashable, Sendable {
    /// The first instant.
    public var start: Milliseconds
    /// The last instant, included.
    public var end: Milliseconds

    /// The interval from `start` to `end`, both included.
    public init(start: Milliseconds, end: Milliseconds) {
        self.start = start
        self.end = end
    }
}

/// A handle for something that is measured (a container, the host, the agent) and whose labels
/// all its series share. Valid for the life of the store that gave it out.
public struct TargetRef: Hashable, Sendable {
    /// The store's number for it.
    public let raw: UInt32
    /// Wraps the store's number.
    public init(raw: UInt32) { self.raw = raw }
}

/// A handle for one series, so that appending a sample needs no label work. Valid for the life
/// of the store that gave it out.
public struct SeriesRef: Hashable, Sendable {
    /// The store's number for it.
    public let raw: UInt32
    /// Wraps the store's number.
    public init(raw: UInt32) { self.raw = raw }
}

/// The samples of one tick of one timeline: parallel arrays, one timestamp for all of them.
public struct Batch: Sendable {
    /// When the tick was, for every sample in it.
    public var timestamp: Milliseconds
    /// Which timeline the samples belong to: series that are sampled together share one, and a
    /// series absent from a tick of its timeline has ended or has a gap there.
    public var timeline: UInt16
    /// The series, in any order, each at most once.
    public var series: [SeriesRef]
    /// The value of each series in `series`.
    public var values: [Double]

    /// An empty batch.
    public init(timestamp: Milliseconds, timeline: UInt16 = 0) {
        self.timestamp = timestamp
        self.timeline = timeline
        series = []
        values = []
    }

    /// Adds a sample.
    @inlinable
    public mutating func append(_ ref: SeriesRef, _ value: Double) {
        series.append(ref)
        values.append(value)
    }

    /// Empties the batch for another tick, keeping its memory.
    public mutating func reset(timestamp: Milliseconds) {
        self.timestamp = timestamp
        series.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}

/// What became of a batch.
public struct AppendOutcome: Hashable, Sendable {
    /// Samples stored.
    public var accepted = 0
    /// Samples refused because their series already has a later sample.
    public var outOfOrder = 0
    /// Samples refused because their series already has a sample at this time.
    public var duplicate = 0
    /// Samples refused because the store has no room or the series is unknown.
    public var dropped = 0

    /// Nothing yet.
    public init() {}
}

/// A run of decoded samples of one series, in time order: parallel arrays that are reused.
public struct SampleBuffer: Sendable {
    /// Milliseconds since the Unix epoch, strictly ascending.
    public var timestamps: [Milliseconds]
    /// The value at each timestamp.
    public var values: [Double]

    /// An empty buffer.
    public init() {
        timestamps = []
        values = []
    }

    /// Forgets the samples, keeping the memory.
    public mutating func removeAll() {
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }
}

/// The NaN by which Prometheus marks the end of a series.
///
/// The store keeps presence, not this value; it appears only at the edges: in what a cursor
/// yields and in what leaves the host.
public enum StaleMarker {
    /// The bit pattern Prometheus gives it (`model/value/value.go`).
    public static let bits: UInt64 = 0x7ff0_0000_0000_0002
    /// The marker as a value.
    public static var value: Double { Double(bitPattern: bits) }
    /// Whether `value` is the marker. Not `==`: it is a NaN.
    @inlinable
    public static func isStale(_ value: Double) -> Bool {
        value.bitPattern == 0x7ff0_0000_0000_0002
    }
}
