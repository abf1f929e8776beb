// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// Tells which lines belong to the entry before them, for each stream apart.
struct LineJoiner {
    private enum Trace {
        case none
        /// Within a trace whose end is known by a line of its own.
        case inside
        /// After a line that another trace may follow.
        case between
    }

    private let rule: PipelineOptions.Multiline
    private let first: BytePattern?
    private var traces: [Trace] = [.none, .none]

    init(_ rule: PipelineOptions.Multiline) throws(PatternError) {
        self.rule = rule
        if case .firstLine(let source) = rule {
            first = try BytePattern(source)
        } else {
            first = nil
        }
    }

    /// Whether a line belongs to the one before of its stream.
    mutating func continues(_ line: UnsafeRawBufferPointer, _ stream: LogStream) -> Bool {
        if let first { return !first.matches(line) }
        guard case .preset(let preset) = rule else { return false }
        let i = stream == .stderr ? 1 : 0
        switch preset {
        case .java: return Self.isJava(line)
        case .node, .ruby: return Self.isIndented(line)
        case .python: return python(line, &traces[i])
        case .go: return go(line, &traces[i])
        }
    }

    private static func isIndented(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let byte = line.first else { return false }
        return byte == 0x20 || byte == 0x09 || (byte == 0x7d && line.count == 1)
    }

    private static func isJava(_ line: UnsafeRawBufferPointer) -> Bool {
        isIndented(line) || begins(line, "Caused by: ") || begins(line, "Suppressed: ")
            || begins(line, "... ") && line.suffix(5).elementsEqual(" more".utf8)
    }

    /// A trace begins with `Traceback`, goes on indented, and ends with the exception's line.
    private func python(_ line: UnsafeRawBufferPointer, _ trace: inout Trace) -> Bool {
        let isHeading = Self.begins(line, "Traceback (most recent call last):")
        switch trace {
        case .inside:
            if Self.isIndented(line) || line.isEmpty { return true }
            if !isHeading { trace = .between }
            return true
        case .between:
            let leads =
                line.isEmpty || Self.begins(line, "During handling of the above exception")
                || Self.begins(line, "The above exception was the direct cause")
            if leads { return true }
            trace = isHeading ? .inside : .none
            return isHeading
        case .none:
            // What is logged with a trace belongs to the line that announces it.
            if isHeading { trace = .inside }
            return isHeading || Self.isIndented(line)
        }
    }

    /// A panic begins with `panic:` or `fatal error:` and goes on until a line that is none of a
    /// goroutine's.
    private func go(_ line: UnsafeRawBufferPointer, _ trace: inout Trace) -> Bool {
        if Self.begins(line, "panic: ") || Self.begins(line, "fatal error: ") {
            defer { trace = .inside }
            return trace == .inside
        }
        guard trace == .inside else { return false }
        let belongs =
            line.isEmpty || line.first == 0x09 || line.last == 0x29
            || Self.begins(line, "goroutine ") || Self.begins(line, "created by ")
            || Self.begins(line, "[signal ") || Self.begins(line, "exit status ")
            || Self.begins(line, "\t")
        if !belongs { trace = .none }
        return belongs
    }

    private static func begins(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        text.withUTF8Buffer { line.starts(with: $0) }
    }
}
