// SPDX-License-Identifier: Apache-2.0

import CRE2

/// Why a regular expression cannot be used.
public struct PatternError: Error, CustomStringConvertible, Sendable {
    /// The expression, and RE2's reason.
    public let description: String

    /// An error in these words.
    public init(description: String) { self.description = description }
}

/// A regular expression in RE2's syntax, matched in time linear in the text
/// (https://github.com/google/re2/wiki/Syntax).
///
/// `@unchecked Sendable`: RE2 objects are immutable after construction and their matching methods
/// may be called from any number of threads (re2.h, "Threads").
public final class Pattern: @unchecked Sendable {
    private let regex: OpaquePointer
    private let shape: PatternShape

    /// The only texts that match, when the expression is a list of them, such as `a|b`.
    public var alternatives: Set<String>? {
        if case .oneOf(let texts) = shape { return texts }
        return nil
    }

    /// Memory one expression may take; larger ones are refused.
    private static let maxMemory: Int64 = 8 << 20

    /// Compiles `source`; `.` matches a newline, as in Prometheus' selectors, unless told otherwise.
    public init(_ source: String, dotMatchesNewline: Bool = true) throws(PatternError) {
        var source = source
        let compiled = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_new($0.baseAddress, $0.count, dotMatchesNewline, false, Self.maxMemory)
            }
        }
        guard let compiled else { throw PatternError(description: "out of memory") }
        if let reason = cre2_error(compiled) {
            let text = String(cString: reason)
            cre2_free(compiled)
            throw PatternError(description: "invalid regular expression `\(source)`: \(text)")
        }
        regex = compiled
        shape = PatternShape(source)
    }

    deinit { cre2_free(regex) }

    /// How many groups in parentheses the expression has.
    var groupCount: Int32 { cre2_group_count(regex) }

    func matchGroups(
        _ text: UnsafePointer<CChar>, _ count: Int, _ offsets: UnsafeMutablePointer<Int64>?,
        _ groups: Int32, from start: Int = 0, isAnchored: Bool = true
    ) -> Bool { cre2_match_groups(regex, text, count, start, isAnchored, offsets, groups) }

    /// The number of the group of this name.
    public func group(named name: String) -> Int? {
        var name = name
        let index = name.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_group_index(regex, $0.baseAddress, $0.count)
            }
        }
        return index < 0 ? nil : Int(index)
    }

    /// Whether the whole of `text` matches. Lists of texts are looked up, prefixes compared.
    public func matches(_ text: String) -> Bool {
        if let known = shape.matches(text) { return known }
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                cre2_full_match(regex, $0.baseAddress, $0.count)
            }
        }
    }
}

extension Pattern {
    /// Where the groups are when the whole of `bytes` matches, the whole first; nil when it does
    /// not match. A group that took no part is nil.
    public func groups(in bytes: [UInt8]) -> [Range<Int>?]? {
        groups(in: bytes, from: 0, isAnchored: true)
    }

    func groups(in bytes: [UInt8], from first: Int, isAnchored: Bool) -> [Range<Int>?]? {
        let count = Int(groupCount) + 1
        var offsets = [Int64](repeating: -1, count: count * 2)
        let isMatch = bytes.withUnsafeBytes { raw in
            // An empty array may have no address; RE2 wants one.
            let empty: StaticString = ""
            let start =
                raw.baseAddress.map { $0.assumingMemoryBound(to: CChar.self) }
                ?? UnsafeRawPointer(empty.utf8Start).assumingMemoryBound(to: CChar.self)
            return offsets.withUnsafeMutableBufferPointer {
                matchGroups(
                    start, raw.count, $0.baseAddress, Int32(count), from: first,
                    isAnchored: isAnchored)
            }
        }
        guard isMatch else { return nil }
        return (0..<count).map { i in
            let (start, end) = (Int(offsets[2 * i]), Int(offsets[2 * i + 1]))
            return start < 0 ? nil : start..<end
        }
    }
}
