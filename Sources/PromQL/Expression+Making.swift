// SPDX-License-Identifier: Apache-2.0

public import Model

// Nodes that were not read from a text, for languages that evaluate by this engine. Nothing about
// them is checked.

extension Expression.Binary {
    /// An operation on two operands.
    public init(
        _ symbol: String, _ left: Expression, _ right: Expression, returnsBool: Bool,
        matching: Expression.Matching?
    ) {
        self.init(
            symbol: symbol, left: left, right: right, returnsBool: returnsBool,
            matching: matching, operatorRange: 0..<0)
    }
}

extension Expression.Aggregate {
    /// An aggregation.
    public init(
        _ name: String, _ operand: Expression, parameter: Expression?, grouping: [String],
        isWithout: Bool
    ) {
        self.init(
            name: name, operand: operand, parameter: parameter, grouping: grouping,
            isWithout: isWithout, range: 0..<0)
    }
}

extension Expression.Selector {
    /// A selector of an instant vector.
    public init(_ matchers: [Matcher]) {
        self.init(range: 0..<0)
        self.matchers = matchers
    }
}
