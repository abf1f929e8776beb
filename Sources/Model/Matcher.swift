// SPDX-License-Identifier: Apache-2.0

/// A condition on one label, as between the braces of a PromQL selector.
public struct Matcher: Hashable, Sendable {
    /// How the label's value is compared.
    public enum Operation: String, Hashable, Sendable {
        /// `=`
        case equal = "="
        /// `!=`
        case notEqual = "!="
        /// `=~`, anchored at both ends, RE2 syntax.
        case matches = "=~"
        /// `!~`, anchored at both ends, RE2 syntax.
        case matchesNot = "!~"
    }

    /// The label looked at; a series without it has the empty string.
    public var name: String
    /// The comparison.
    public var operation: Operation
    /// The text or the regular expression compared with.
    public var value: String

    /// A matcher of these parts.
    public init(_ name: String, _ operation: Operation, _ value: String) {
        self.name = name
        self.operation = operation
        self.value = value
    }
}
