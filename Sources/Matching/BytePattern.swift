// SPDX-License-Identifier: Apache-2.0

import CRE2

/// A regular expression in RE2's syntax that looks for a match anywhere in bytes, in time linear
/// in their number. Bytes that are no UTF-8 are matched by no character.
///
/// `@unchecked Sendable`: RE2 objects are immutable after construction and their matching methods
/// may be called from any number of threads (re2.h, "Threads").
public final class BytePattern: @unchecked Sendable {
    private let regex: OpaquePointer

    /// Memory one expression may take; larger ones are refused.
    private static let maxMemory: Int64 = 16 << 20

    /// Compiles `source`, in which `.` does not match a newline.
    public init(_ source: String, ignoresCase: Bool = false) throws(PatternError) {
        var source = source
        let compiled = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_new($0.baseAddress, $0.count, false, ignoresCase, Self.maxMemory)
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

    /// Whether some part of `bytes` matches.
    public func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
        cre2_partial_match(
            regex, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }

    /// The first match at or after `start`.
    public func firstMatch(in bytes: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
        guard start <= bytes.count else { return nil }
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2) { offsets in
            let found = cre2_match_groups(
                regex, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, start,
                false, offsets.baseAddress, 1)
            return found ? Int(offsets[0])..<Int(offsets[1]) : nil
        }
    }

    /// The groups that have names, with their numbers, in order.
    public var groupNames: [(number: Int, name: String)] {
        (1..<max(1, Int(cre2_group_count(regex)) + 1)).compactMap { number in
            cre2_group_name(regex, Int32(number)).map { (number, String(cString: $0)) }
        }
    }

    /// Calls `body` with the place of each group of the first match, 0 the whole of it; false, and
    /// no call, without a match. A group that took no part is nil.
    public func forEachGroup(
        in bytes: UnsafeRawBufferPointer, _ body: (Int, Range<Int>?) -> Void
    ) -> Bool {
        let count = Int(cre2_group_count(regex)) + 1
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * count) { offsets in
            guard
                cre2_match_groups(
                    regex, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count, 0,
                    false, offsets.baseAddress, Int32(count))
            else { return false }
            for group in 0..<count {
                let (start, end) = (Int(offsets[2 * group]), Int(offsets[2 * group + 1]))
                body(group, start < 0 ? nil : start..<end)
            }
            return true
        }
    }

    /// Whether an expression is nothing but the text to be found.
    public static func isPlain(_ source: String) -> Bool {
        !source.utf8.contains { #"\.+*?()|[]{}^$"#.utf8.contains($0) || $0 < 0x20 }
    }

    /// `text` with every character that means something in an expression made to mean itself.
    public static func quoted(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            if character.value < 0x80, !character.properties.isAlphabetic,
                !("0"..."9").contains(character), character != "_"
            {
                result +=
                    character.value < 0x20
                    ? "\\x{\(String(character.value, radix: 16))}"
                    : "\\\(character)"
            } else {
                result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
