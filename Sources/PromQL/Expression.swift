// SPDX-License-Identifier: Apache-2.0

public import Model

/// What an expression yields.
public enum ValueType: String, Hashable, Sendable {
    /// One number per step.
    case scalar
    /// A string literal.
    case string
    /// Series with one value each per step.
    case vector
    /// Series with a window of samples each per step.
    case matrix

    /// The name in Prometheus' messages.
    var documented: String {
        switch self {
        case .vector: "instant vector"
        case .matrix: "range vector"
        case .scalar: "scalar"
        case .string: "string"
        }
    }
}

/// The time at which a selector or a subquery is pinned.
public enum AtModifier: Hashable, Sendable {
    /// `@ 1.5`, in milliseconds.
    case time(Milliseconds)
    /// `@ start()`.
    case start
    /// `@ end()`.
    case end
}

/// A node of a parsed query, with the bytes of the query that it came from.
public indirect enum Expression: Hashable, Sendable {
    /// A number; `isDuration` when written as a duration.
    case number(Double, isDuration: Bool, Range<Int>)
    /// A string.
    case string(String, Range<Int>)
    /// Parentheses.
    case paren(Expression, Range<Int>)
    /// A sign, `+` or `-`.
    case unary(String, Expression, Range<Int>)
    /// Two operands.
    case binary(Binary)
    /// A function call: name, arguments.
    case call(String, [Expression], Range<Int>)
    /// An aggregation.
    case aggregate(Aggregate)
    /// An instant or a range vector selector.
    case selector(Selector)
    /// A subquery.
    case subquery(Subquery)

    /// A binary operation.
    public struct Binary: Hashable, Sendable {
        /// The operator, in lower case.
        public var symbol: String
        /// The left operand.
        public var left: Expression
        /// The right operand.
        public var right: Expression
        /// Whether a comparison yields 0 and 1 instead of filtering.
        public var returnsBool = false
        /// How the series of two vectors find each other; nil when an operand is a scalar.
        public var matching: Matching?
        /// Where the operator stands.
        public var operatorRange: Range<Int>
    }

    /// How the series of two vectors find each other.
    public struct Matching: Hashable, Sendable {
        /// Which side may have several series per group.
        public enum Cardinality: String, Hashable, Sendable {
            /// One each.
            case oneToOne = "one-to-one"
            /// `group_left`.
            case manyToOne = "many-to-one"
            /// `group_right`.
            case oneToMany = "one-to-many"
            /// Set operators.
            case manyToMany = "many-to-many"
        }
        /// The cardinality.
        public var cardinality = Cardinality.oneToOne
        /// Whether `labels` came with `on`; with `ignoring` otherwise.
        public var isOn = false
        /// The labels of `on` or `ignoring`.
        public var labels: [String] = []
        /// The labels taken from the one side.
        public var include: [String] = []
        /// The value of a series missing at the left.
        public var fillLeft: Double?
        /// The value of a series missing at the right.
        public var fillRight: Double?

        /// One to one, by all labels.
        public init() {}
    }

    /// An aggregation.
    public struct Aggregate: Hashable, Sendable {
        /// The operator, in lower case.
        public var name: String
        /// The vector.
        public var operand: Expression
        /// `k` of `topk` and its like.
        public var parameter: Expression?
        /// The labels of `by` or `without`.
        public var grouping: [String] = []
        /// Whether `without` was written.
        public var isWithout = false
        /// The bytes of it.
        public var range: Range<Int>
    }

    /// A vector selector, with a window if it is a range vector.
    public struct Selector: Hashable, Sendable {
        /// The metric's name, from before the braces or between them.
        public var name = ""
        /// All conditions, that on the name too.
        public var matchers: [Matcher] = []
        /// The window, nil for an instant vector.
        public var window: DurationExpression?
        /// The offset.
        public var offset: DurationExpression?
        /// The pinned time.
        public var at: AtModifier?
        /// Whether `anchored` was written.
        public var isAnchored = false
        /// Whether `smoothed` was written.
        public var isSmoothed = false
        /// The bytes of it.
        public var range: Range<Int>
    }

    /// A subquery.
    public struct Subquery: Hashable, Sendable {
        /// What is evaluated.
        public var operand: Expression
        /// How far back.
        public var window: DurationExpression
        /// The resolution, nil for the default.
        public var step: DurationExpression?
        /// The offset.
        public var offset: DurationExpression?
        /// The pinned time.
        public var at: AtModifier?
        /// The bytes of it.
        public var range: Range<Int>
    }

    /// The bytes of the query it came from.
    public var range: Range<Int> {
        switch self {
        case .number(_, _, let range), .string(_, let range), .paren(_, let range),
            .unary(_, _, let range), .call(_, _, let range):
            range
        case .binary(let binary):
            binary.left.range
                .lowerBound..<max(binary.left.range.lowerBound, binary.right.range.upperBound)
        case .aggregate(let aggregate): aggregate.range
        case .selector(let selector): selector.range
        case .subquery(let subquery): subquery.range
        }
    }

    /// What it yields.
    public var type: ValueType {
        switch self {
        case .number: .scalar
        case .string: .string
        case .paren(let inner, _), .unary(_, let inner, _): inner.type
        case .binary(let binary):
            binary.left.type == .scalar && binary.right.type == .scalar ? .scalar : .vector
        case .call(let name, _, _): FunctionTable.all[name]?.result ?? .vector
        case .aggregate: .vector
        case .selector(let selector): selector.window == nil ? .vector : .matrix
        case .subquery: .matrix
        }
    }

    /// Without the parentheses around it.
    public var unwrapped: Expression {
        var expression = self
        while case .paren(let inner, _) = expression { expression = inner }
        return expression
    }
}
