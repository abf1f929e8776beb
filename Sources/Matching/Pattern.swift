// SPDX-License-Identifier: Apache-2.0

import CRE2

/// Why a regular expression cannot be used.
public struct PatternError: Error, CustomStringConvertible, Sendable {
    /// The expression, and RE2's reason.
    public let description: String
}

/// A regular expression in RE2's syntax, matched in time linear in the text
/// (https://github.com/google/re2/wiki/Syntax).
///
/// `@unchecked Sendable`: RE2 objects are immutable after construction and their matching methods
/// may be called from any number of threads (re2.h, "Threads").
public final class Pattern: @unchecked Sendable {
    private let regex: OpaquePointer

    /// Memory one expression may take; larger ones are refused.
    private static let maxMemory: Int64 = 8 << 20

    /// Compiles `source`; `.` matches a newline, as in Prometheus' selectors.
    public init(_ source: String) throws(PatternError) {
        var source = source
        let compiled = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_new($0.baseAddress, $0.count, true, false, Self.maxMemory)
            }
        }
        guard let compiled else { throw PatternError(description: "out of memory") }
        if let reason = cre2_error(compiled) {
            let text = String(cString: reason)
            cre2_free(compiled)
            throw PatternError(description: "invalid regular expression `\(source)`: \(text)")
        }
        regex = compiled
    }

    deinit { cre2_free(regex) }

    /// Whether the whole of `text` matches.
    public func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_full_match(regex, $0.baseAddress, $0.count)
            }
        }
    }
}
