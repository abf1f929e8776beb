// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why a sink cannot be set up or a file of it cannot be used: what was being done, to what, why
/// it failed and what can be done. Never holds a secret.
public struct ShipError: Error, CustomStringConvertible, Sendable {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }

    /// A failed system call.
    static func system(_ doing: String, _ path: String, code: Int32 = errno) -> ShipError {
        ShipError("cannot \(doing) \(path): \(reason(code))")
    }

    /// The system's words for an errno value.
    static func reason(_ code: Int32) -> String {
        guard let text = strerror(code) else { return "error \(code)" }
        return String(cString: text)
    }
}
