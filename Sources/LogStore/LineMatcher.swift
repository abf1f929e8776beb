// SPDX-License-Identifier: Apache-2.0

import Glibc
import Matching
public import Model

/// The line filters of a query, compiled. Finds the lines of a whole block at once: a block's text
/// is searched from end to end, and a line is looked at alone only where something was found.
public struct LineMatcher: Sendable {
    fileprivate enum Test: Sendable {
        case literal([UInt8], isWord: Bool)
        /// `scan` is the expression for a text of many lines, nil when it cannot be used so; `literal`
        /// is what every match holds, which is found sooner.
        case pattern(BytePattern, scan: BytePattern?, literal: [UInt8]?)
    }

    fileprivate struct One: Sendable {
        var test: Test
        var isInverted: Bool
    }

    private var tests: [One] = []
    /// Words that a block without a matching line may lack.
    private var hashes: [UInt64] = []

    /// Whether every line passes.
    public var isEmpty: Bool { tests.isEmpty }

    /// Compiles filters. Throws for an expression that RE2 refuses.
    public init(_ filters: [LineFilter]) throws {
        for filter in filters.map(Self.simplest)
        where !(filter.text.isEmpty && !filter.isInverted) {
            var source = filter.kind == .pattern ? filter.text : BytePattern.quoted(filter.text)
            if filter.kind == .word { source = "(?:^|\\W)(?:\(source))(?:\\W|$)" }
            let isLiteral = filter.kind != .pattern && !filter.ignoresCase
            let test: Test
            if isLiteral {
                test = .literal(Array(filter.text.utf8), isWord: filter.kind == .word)
            } else {
                test = .pattern(
                    try BytePattern(source, ignoresCase: filter.ignoresCase),
                    scan: try Self.scanning(source, filter.ignoresCase),
                    literal: filter.ignoresCase ? nil : Self.literal(of: filter))
            }
            tests.append(One(test: test, isInverted: filter.isInverted))
            if !filter.isInverted, !filter.ignoresCase { addHashes(filter) }
        }
        // What is wanted goes first, literals before expressions: it decides where to look.
        tests =
            tests.filter { !$0.isInverted && $0.isLiteral }
            + tests.filter { !$0.isInverted && !$0.isLiteral } + tests.filter(\.isInverted)
    }

    /// An expression without anything special is the text it is.
    private static func simplest(_ filter: LineFilter) -> LineFilter {
        guard filter.kind == .pattern, !filter.ignoresCase, BytePattern.isPlain(filter.text) else {
            return filter
        }
        var filter = filter
        filter.kind = .substring
        return filter
    }

    /// The longest text that every match of an expression holds, when it is long enough to be rare.
    private static func literal(of filter: LineFilter) -> [UInt8]? {
        guard filter.kind == .pattern else { return nil }
        let longest = PatternLiterals.required(filter.text).max { $0.count < $1.count }
        return longest.flatMap { $0.count >= 3 ? $0 : nil }
    }

    /// The expression for a text of many lines. One that refers to the text's ends, or sets flags
    /// of its own, may mean something else there.
    private static func scanning(_ source: String, _ ignoresCase: Bool) throws -> BytePattern? {
        for special in ["\\A", "\\z", "(?", "\\C", "\\n"]
        where source.replacing("(?:", with: "(").contains(special) { return nil }
        return try BytePattern("(?m)" + source, ignoresCase: ignoresCase)
    }

    private mutating func addHashes(_ filter: LineFilter) {
        switch filter.kind {
        case .word:
            hashes += Self.words(Array(filter.text.utf8), bounded: true)
        case .substring:
            hashes += Self.words(Array(filter.text.utf8), bounded: false)
        case .pattern:
            for literal in PatternLiterals.required(filter.text) {
                hashes += Self.words(literal, bounded: false)
            }
        }
    }

    /// Hashes of the whole words within a literal: the first and the last may go on outside of it,
    /// unless it is bounded.
    private static func words(_ literal: [UInt8], bounded: Bool) -> [UInt64] {
        var result: [UInt64] = []
        var at = 0
        while at < literal.count {
            let start = at
            while at < literal.count, TokenFilter.isWordByte(literal[at]) { at += 1 }
            let isWhole = bounded || start > 0 && at < literal.count
            if at > start, isWhole, let hash = TokenFilter.hash(literal[start..<at]) {
                result.append(hash)
            }
            at += 1
        }
        return result
    }

    /// Whether the words of a filter of `size` bytes, of which `byte` gives single ones, allow a match
    /// in its block.
    func mayMatch(size: Int, _ byte: (Int) -> UInt8) -> Bool {
        hashes.allSatisfy { TokenFilter.mayContain($0, size: size, byte) }
    }

    /// Whether a block's token filter can tell anything.
    var usesFilter: Bool { !hashes.isEmpty }

    /// Whether a line passes.
    public func matches(_ line: UnsafeRawBufferPointer) -> Bool {
        tests.allSatisfy { $0.test.isFound(in: line) != $0.isInverted }
    }

    /// Calls `body` with the index of each line of the block that passes, in order.
    func forEachMatch(in block: BlockReader, _ body: (Int) -> Void) {
        guard let first = tests.first, !first.isInverted else {
            for i in 0..<block.places.count where matches(block.bytes(i)) { body(i) }
            return
        }
        var position = 0
        var index = 0
        while let found = first.test.next(in: block.text, from: position) {
            index = block.index(at: found, from: index)
            if matches(block.bytes(index)) { body(index) }
            index += 1
            guard index < block.places.count else { return }
            position = block.places[index].start
        }
        guard case .pattern(_, scan: nil, literal: nil) = first.test else { return }
        for i in 0..<block.places.count where matches(block.bytes(i)) { body(i) }
    }
}

extension LineMatcher.One {
    fileprivate var isLiteral: Bool {
        if case .literal = test { return true }
        return false
    }
}

extension LineMatcher.Test {
    /// Whether a line has it.
    fileprivate func isFound(in line: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .literal(let bytes, let isWord):
            var from = 0
            while let at = Self.find(bytes, in: line, from: from) {
                if !isWord || Self.isBounded(line, at, at + bytes.count) { return true }
                from = at + 1
            }
            return false
        case .pattern(let pattern, _, _): return pattern.matches(line)
        }
    }

    /// Where something that may be a match begins, at or after `start`.
    fileprivate func next(in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        switch self {
        case .literal(let bytes, _): Self.find(bytes, in: text, from: start)
        case .pattern(_, _, let literal?): Self.find(literal, in: text, from: start)
        case .pattern(_, let scan, nil): scan?.firstMatch(in: text, from: start)?.lowerBound
        }
    }

    private static func find(
        _ bytes: [UInt8], in text: UnsafeRawBufferPointer, from start: Int
    ) -> Int? {
        guard let base = text.baseAddress, start < text.count else { return nil }
        guard let found = memmem(base + start, text.count - start, bytes, bytes.count) else {
            return nil
        }
        return UnsafeRawPointer(found) - base
    }

    private static func isBounded(
        _ line: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> Bool {
        (start == 0 || !TokenFilter.isWordByte(line[start - 1])
            || !TokenFilter.isWordByte(line[start]))
            && (end == line.count || !TokenFilter.isWordByte(line[end])
                || !TokenFilter.isWordByte(line[end - 1]))
    }
}

/// Literals that every match of an expression holds.
enum PatternLiterals {
    /// Finds the plain runs of an expression without alternatives, groups and flags; none for
    /// others, which is always right, only slower.
    static func required(_ source: String) -> [[UInt8]] {
        let bytes = Array(source.utf8)
        guard !bytes.contains(where: { [0x7c, 0x28, 0x29].contains($0) }) else { return [] }
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func end() {
            if !run.isEmpty { result.append(run) }
            run = []
        }
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\\"):
                guard at < bytes.count else { return [] }
                let next = bytes[at]
                at += 1
                if TokenFilter.isWordByte(next) {
                    // A class or an escape by letter: what follows may belong to it.
                    if [0x70, 0x50, 0x78, 0x51, 0x45].contains(next) { return [] }
                    if (0x30...0x39).contains(next) { return [] }
                    end()
                } else {
                    run.append(next)
                }
            case UInt8(ascii: "["):
                end()
                guard let close = closing(bytes, at) else { return [] }
                at = close + 1
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "{"):
                // The character before may be missing; all bytes of a longer one go.
                while let last = run.popLast(), last & 0xc0 == 0x80 {}
                end()
                if byte == 0x7b { at = (bytes[at...].firstIndex(of: 0x7d) ?? at - 1) + 1 }
            case UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "+"): end()
            default: run.append(byte)
            }
        }
        end()
        return result
    }

    /// Where a character class ends that begins at `start`.
    private static func closing(_ bytes: [UInt8], _ start: Int) -> Int? {
        var at = start
        if at < bytes.count, bytes[at] == 0x5e { at += 1 }
        if at < bytes.count, bytes[at] == 0x5d { at += 1 }
        while at < bytes.count {
            if bytes[at] == 0x5c {
                at += 2
            } else if bytes[at] == 0x5b {
                // A named class within: `[:alpha:]`.
                return nil
            } else if bytes[at] == 0x5d {
                return at
            } else {
                at += 1
            }
        }
        return nil
    }
}
