// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why the agent cannot start or go on: one sentence that says what was being done, why it failed
/// and what the user can do.
public struct AgentError: Error, CustomStringConvertible, Sendable {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }

    /// The system's words for an errno value.
    static func reason(_ code: Int32) -> String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }
}
