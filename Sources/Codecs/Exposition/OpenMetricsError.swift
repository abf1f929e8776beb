// SPDX-License-Identifier: Apache-2.0

/// Why a text is not OpenMetrics or the Prometheus text format.
public struct OpenMetricsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line, from 1.
    public let line: Int
    /// The byte within the line, from 1.
    public let column: Int
    /// What was expected there and what was found.
    public let reason: String

    /// `line:column: reason`, as compilers write it.
    public var description: String { "\(line):\(column): \(reason)" }
}
