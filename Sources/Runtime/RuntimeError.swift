// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why something could not be done to a container: a sentence, and the kind of failure.
public struct RuntimeError: Error, CustomStringConvertible, Sendable {
    /// What a caller may want to tell apart.
    public enum Kind: Hashable, Sendable {
        /// The user may not do this.
        case permission
        /// The request itself is wrong: a name, a limit, a directory.
        case invalid
        /// There is no such container.
        case notFound
        /// The container is in the wrong state, or the name is taken.
        case conflict
        /// The container's command could not be executed.
        case command
        /// The host refused.
        case system
    }

    /// The kind of failure.
    public let kind: Kind
    /// What was being done, to what, why it failed and what the user can do.
    public let description: String
    /// What `ullage run` exits with: Docker's 125, or 126 and 127 for the command's own failures.
    public let exitCode: Int32

    init(_ kind: Kind, _ description: String, exitCode: Int32 = 125) {
        self.kind = kind
        self.description = description
        self.exitCode = exitCode
    }

    /// A failed system call.
    static func system(_ what: String, _ code: Int32 = errno) -> RuntimeError {
        let reason = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return RuntimeError(
            code == EACCES || code == EPERM ? .permission : .system, "\(what): \(reason)")
    }
}

/// Untrusted text in a message: short, and without anything that moves a cursor.
func quoted(_ text: String) -> String {
    var result = "`"
    for (i, scalar) in text.unicodeScalars.enumerated() {
        guard i < 64 else { return result + "…` (\(text.utf8.count) bytes)" }
        if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar == "`" {
            result += scalar.escaped(asASCII: true)
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result + "`"
}
