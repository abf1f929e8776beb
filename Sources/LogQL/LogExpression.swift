// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL

/// A parsed query: lines, or numbers made of lines.
public enum LogExpression: Hashable, Sendable {
    /// Lines.
    case lines(LogPipeline)
    /// A vector or a scalar.
    case metric(MetricExpression)
}

/// Which lines are wanted and what is done with each.
public struct LogPipeline: Hashable, Sendable {
    /// Conditions on the labels of streams.
    public var matchers: [Matcher]
    /// What each line goes through, in order.
    public var stages: [Stage] = []

    /// The lines of the streams that match.
    public init(matchers: [Matcher]) { self.matchers = matchers }
}

/// One stage of a pipeline.
public enum Stage: Hashable, Sendable {
    /// A condition on the line's text.
    case line(LineTest)
    /// Members of a JSON object as labels; all of them when none is named.
    case json([Extraction])
    /// Pairs of a logfmt line as labels; all of them when none is named.
    case logfmt(isStrict: Bool, keepsEmpty: Bool, [Extraction])
    /// Named groups of an expression as labels.
    case regexp(String)
    /// Named captures of a pattern as labels.
    case pattern(String)
    /// A packed line's labels, and its `_entry` as the line.
    case unpack
    /// Removes the escape sequences for colours.
    case decolorize
    /// A condition on labels.
    case labels(LabelCondition)
    /// A new text for the line.
    case lineFormat(String)
    /// New values for labels.
    case labelFormat([LabelAssignment])
    /// Removes labels.
    case drop([LabelChoice])
    /// Removes all other labels.
    case keep([LabelChoice])
}

/// A condition on the line's text.
public struct LineTest: Hashable, Sendable {
    /// How a text is looked for.
    public enum Kind: String, Hashable, Sendable {
        /// Holds the text.
        case contains = "|="
        /// Does not hold the text.
        case containsNot = "!="
        /// Some part matches the expression.
        case matches = "|~"
        /// No part matches the expression.
        case matchesNot = "!~"
        /// The whole line has the form of the pattern.
        case pattern = "|>"
        /// The line has not the form of the pattern.
        case patternNot = "!>"

        /// Whether lines without the text are wanted.
        public var isInverted: Bool {
            switch self {
            case .contains, .matches, .pattern: false
            case .containsNot, .matchesNot, .patternNot: true
            }
        }
    }

    /// What is looked for.
    public struct Operand: Hashable, Sendable {
        /// The text, the expression, the pattern or the addresses.
        public var text: String
        /// Whether `text` is an IP address, a range of them or a network.
        public var isAddress = false
    }

    /// How it is looked for.
    public var kind: Kind
    /// Of these one must be found, or none.
    public var operands: [Operand]
}

/// A label and where its value is found.
public struct Extraction: Hashable, Sendable {
    /// The label.
    public var label: String
    /// The path or the key.
    public var source: String
}

/// A label and its new value.
public struct LabelAssignment: Hashable, Sendable {
    /// The label.
    public var label: String
    /// The label it is renamed from, or the template of its value.
    public var source: String
    /// Whether `source` is a template.
    public var isTemplate: Bool
}

/// A label named by `drop` or `keep`.
public struct LabelChoice: Hashable, Sendable {
    /// The label.
    public var name: String
    /// What its value must be; nil for any.
    public var matcher: Matcher?
}

/// A condition on labels.
public indirect enum LabelCondition: Hashable, Sendable {
    /// How numbers are compared.
    public enum Comparison: String, Hashable, Sendable {
        /// Equal.
        case equal = "=="
        /// Not equal.
        case notEqual = "!="
        /// Less.
        case less = "<"
        /// Less or equal.
        case atMost = "<="
        /// Greater.
        case greater = ">"
        /// Greater or equal.
        case atLeast = ">="
    }

    /// A text or an expression for the whole value.
    case text(Matcher)
    /// A number.
    case number(String, Comparison, Double)
    /// A duration in nanoseconds.
    case duration(String, Comparison, Int64)
    /// A size in bytes.
    case bytes(String, Comparison, Double)
    /// Addresses; the flag says whether the label's is wanted among them.
    case address(String, Bool, String)
    /// Both.
    case and(LabelCondition, LabelCondition)
    /// One or the other.
    case or(LabelCondition, LabelCondition)
}

/// An expression that yields numbers.
public indirect enum MetricExpression: Hashable, Sendable {
    /// A number.
    case number(Double)
    /// `vector(number)`.
    case vector(Double)
    /// Numbers made of lines.
    case range(RangeAggregation)
    /// An aggregation over series.
    case aggregate(VectorAggregation)
    /// Two operands.
    case binary(Operation)
    /// `label_replace`.
    case labelReplace(LabelReplacement)

    /// Two operands.
    public struct Operation: Hashable, Sendable {
        /// The operator.
        public var symbol: String
        /// The left operand.
        public var left: MetricExpression
        /// The right operand.
        public var right: MetricExpression
        /// Whether a comparison yields 0 and 1 instead of filtering.
        public var returnsBool = false
        /// How the series of two vectors find each other.
        public var matching = Expression.Matching()
    }

    /// A label made of another.
    public struct LabelReplacement: Hashable, Sendable {
        /// The vector.
        public var operand: MetricExpression
        /// The label that is set.
        public var destination: String
        /// Its value, with `$1` for groups.
        public var replacement: String
        /// The label that is looked at.
        public var source: String
        /// What the whole of it must match.
        public var pattern: String
    }

    /// Whether it is a plain number.
    var isScalar: Bool {
        switch self {
        case .number: true
        case .binary(let operation): operation.left.isScalar && operation.right.isScalar
        default: false
        }
    }
}

/// `by` or `without`.
public struct Grouping: Hashable, Sendable {
    /// The labels.
    public var labels: [String]
    /// Whether these go and not the others.
    public var isWithout: Bool

    /// Groups by labels, or by all others.
    public init(labels: [String], isWithout: Bool) {
        self.labels = labels
        self.isWithout = isWithout
    }
}

/// An aggregation over series.
public struct VectorAggregation: Hashable, Sendable {
    /// `sum`, `topk` and so on.
    public var name: String
    /// The vector.
    public var operand: MetricExpression
    /// `k` of `topk` and its like.
    public var parameter: Double?
    /// The groups; nil for one of all.
    public var grouping: Grouping?

    /// An aggregation of these parts.
    public init(
        name: String, operand: MetricExpression, parameter: Double? = nil,
        grouping: Grouping? = nil
    ) {
        self.name = name
        self.operand = operand
        self.parameter = parameter
        self.grouping = grouping
    }
}

/// Numbers made of the lines of a window.
public struct RangeAggregation: Hashable, Sendable {
    /// `rate`, `count_over_time` and so on.
    public var name: String
    /// The lines.
    public var pipeline: LogPipeline
    /// The label whose value is taken as a number.
    public var unwrap: Unwrap?
    /// Nanoseconds of the window.
    public var window: Int64
    /// Nanoseconds by which the window lies back.
    public var offset: Int64 = 0
    /// The quantile of `quantile_over_time`.
    public var parameter: Double?
    /// The series that are made; nil for one of each label set.
    public var grouping: Grouping?

    /// An aggregation of the lines of a window of so many nanoseconds.
    public init(name: String, pipeline: LogPipeline, window: Int64) {
        self.name = name
        self.pipeline = pipeline
        self.window = window
    }
}

/// The label whose value is taken as a number.
public struct Unwrap: Hashable, Sendable {
    /// What the value is.
    public enum Conversion: String, Hashable, Sendable {
        /// A number.
        case number = ""
        /// A size, in bytes.
        case bytes
        /// A duration, in seconds.
        case duration
        /// The same.
        case durationSeconds = "duration_seconds"
    }

    /// The label.
    public var label: String
    /// How its value is read.
    public var conversion: Conversion
    /// Conditions that see whether that failed.
    public var conditions: [LabelCondition] = []
}
