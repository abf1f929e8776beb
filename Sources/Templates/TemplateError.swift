// SPDX-License-Identifier: Apache-2.0

/// Why a template cannot be used or expanded, in the words of Go's `text/template`.
public struct TemplateError: Error, Hashable, CustomStringConvertible, Sendable {
    /// What is wrong, with the template's name and the place in it.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A failure inside a function or an operand, before its place is known.
struct TemplateFailure: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
