// SPDX-License-Identifier: Apache-2.0

public import Model

/// One value at one instant.
public struct Point: Hashable, Sendable {
    /// Milliseconds since the Unix epoch.
    public var timestamp: Milliseconds
    /// The value.
    public var value: Double

    /// A point of this value and time.
    public init(timestamp: Milliseconds, value: Double) {
        self.timestamp = timestamp
        self.value = value
    }
}

/// One series of an instant vector.
public struct VectorSample: Hashable, Sendable {
    /// The labels, with `__name__` unless the expression dropped it.
    public var labels: Labels
    /// The value, at the evaluation time.
    public var point: Point

    /// A sample of a vector.
    public init(labels: Labels, point: Point) {
        self.labels = labels
        self.point = point
    }
}

/// One series of a range vector or of a range query's answer.
public struct MatrixSeries: Hashable, Sendable {
    /// The labels, with `__name__` unless the expression dropped it.
    public var labels: Labels
    /// The points in time order.
    public var points: [Point]

    /// A series of a matrix.
    public init(labels: Labels, points: [Point]) {
        self.labels = labels
        self.points = points
    }
}

/// What an expression evaluates to.
public enum QueryValue: Hashable, Sendable {
    /// A number.
    case scalar(Point)
    /// A string literal.
    case string(String, at: Milliseconds)
    /// An instant vector.
    case vector([VectorSample])
    /// A range vector, or the answer to a range query.
    case matrix([MatrixSeries])
}

/// What a query cost.
public struct QueryStats: Hashable, Sendable {
    /// Samples decoded or looked at.
    public var samples = 0
    /// Series selected.
    public var series = 0
    /// Evaluation steps.
    public var steps = 0
    /// The time between two samples, in milliseconds, of the coarsest that were read; 0 when all were
    /// as they were taken.
    public var resolution: Milliseconds = 0
    /// The most values that one node of the expression yielded.
    public var peak = 0
    /// Wall time of the evaluation in seconds.
    public var seconds = 0.0

    /// Nothing yet.
    public init() {}
}

/// An answer with what the user should know about it.
public struct QueryResult: Hashable, Sendable {
    /// The value.
    public var value: QueryValue
    /// Annotations that say the answer may be wrong, worded as Prometheus words them.
    public var warnings: [String] = []
    /// Annotations that say the expression may be a mistake.
    public var infos: [String] = []
    /// What it cost.
    public var stats = QueryStats()

    /// An answer without annotations.
    public init(value: QueryValue) { self.value = value }
}
