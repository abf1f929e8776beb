// SPDX-License-Identifier: Apache-2.0

/// Why a query has no answer.
public struct QueryError: Error, Hashable, CustomStringConvertible, Sendable {
    /// The error types of Prometheus' HTTP API.
    public enum Kind: String, Hashable, Sendable {
        /// The expression or a parameter is wrong.
        case badData = "bad_data"
        /// The expression could not be evaluated.
        case execution
        /// It took too long.
        case timeout
        /// Nobody waits for the answer any more.
        case canceled
    }

    /// The kind of error.
    public let kind: Kind
    /// What is wrong.
    public let message: String
    /// The byte in the expression where it is wrong, if it is the expression.
    public let position: Int?

    /// An error, at a byte of the expression where there is one.
    public init(_ kind: Kind, _ message: String, at position: Int? = nil) {
        self.kind = kind
        self.message = message
        self.position = position
    }

    static let sameLabels = QueryError(
        .execution, "vector cannot contain metrics with the same labelset")

    /// The message.
    public var description: String { message }

    /// This error with its place in words, as Prometheus has it: `1:5: parse error: ...`.
    func located(in expression: String) -> QueryError {
        guard let position else { return self }
        let place = Self.place(of: position, in: expression)
        return QueryError(
            kind, "\(place.line):\(place.column): parse error: \(message)", at: position)
    }

    /// The line and the column of a byte, both counted from 1.
    public static func place(
        of position: Int, in expression: String
    ) -> (line: Int, column: Int) {
        let before = Array(expression.utf8.prefix(position))
        let lineStart = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return (before.count { $0 == 0x0a } + 1, position - lineStart + 1)
    }
}
