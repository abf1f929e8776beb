// SPDX-License-Identifier: Apache-2.0

import Glibc
import Matching

/// A pattern of texts and captures, `<ip> - <_> "<method> <path>"`
/// (https://grafana.com/docs/loki/latest/query/log_queries/#pattern).
struct LinePattern: Sendable {
    enum Part: Hashable, Sendable {
        case text([UInt8])
        /// A capture, of no name for `<_>`.
        case capture(String?)
    }

    let parts: [Part]

    /// Reads a pattern; one that extracts must name a capture, one that filters must not.
    init(_ source: String, allowsNames: Bool) throws(PatternError) {
        func refuse(_ why: String) -> PatternError {
            PatternError(description: "invalid pattern \(source): \(why)")
        }
        var parts: [Part] = []
        var text: [UInt8] = []
        var names: Set<String> = []
        var rest = Array(source.utf8)[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "<"), let capture = Self.capture(rest) {
                if !text.isEmpty { parts.append(.text(text)) }
                text = []
                if case .capture? = parts.last {
                    throw refuse("found consecutive capture: text between captures is needed")
                }
                let name = capture == "_" ? nil : capture
                if let name, !names.insert(name).inserted {
                    throw refuse("duplicate capture name (\(name))")
                }
                parts.append(.capture(name))
                rest = rest.dropFirst(capture.utf8.count + 2)
            } else {
                text.append(byte)
                rest = rest.dropFirst()
            }
        }
        if !text.isEmpty { parts.append(.text(text)) }
        if allowsNames, names.isEmpty { throw refuse("at least one capture is required") }
        if !allowsNames, !names.isEmpty { throw refuse("named captures are not allowed") }
        self.parts = parts
    }

    /// The name of the capture that `rest` starts with.
    private static func capture(_ rest: ArraySlice<UInt8>) -> String? {
        guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return nil }
        let name = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
        return LabelName.isPlain(name) ? name : nil
    }

    /// Calls `body` with each named capture's name and place. A pattern that starts with a text
    /// is for lines that start with it; a capture whose following text is missing goes to the end.
    func forEachCapture(in line: UnsafeRawBufferPointer, _ body: (String, Range<Int>) -> Void) {
        var position = 0
        var index = 0
        if case .text(let text)? = parts.first {
            guard line.starts(with: text) else { return }
            position = text.count
            index = 1
        }
        while index < parts.count, !line.isEmpty {
            guard case .capture(let name) = parts[index] else { return }
            var end = line.count
            var next = line.count
            var isLast = true
            if index + 1 < parts.count, case .text(let text) = parts[index + 1],
                let found = Bytes.find(text, in: line, from: position)
            {
                end = found
                next = found + text.count
                isLast = false
            }
            if let name { body(name, position..<end) }
            guard !isLast else { return }
            position = next
            index += 2
        }
    }

    /// Whether the whole line has the pattern's form. A capture stands for at least one byte.
    func matches(_ line: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        for (i, part) in parts.enumerated() {
            guard case .text(let text) = part else { continue }
            let isLast = i == parts.count - 1
            if i == 0 {
                guard line.starts(with: text) else { return false }
                position = text.count
            } else if isLast {
                // The capture before may hold the text itself: the line's end is what counts.
                let start = line.count - text.count
                guard start > position, line[start...].elementsEqual(text) else { return false }
                return true
            } else {
                guard let found = Bytes.find(text, in: line, from: position + 1) else {
                    return false
                }
                position = found + text.count
            }
        }
        guard case .capture? = parts.last else { return position == line.count }
        return position < line.count
    }

    /// The texts, which every line that has the form holds.
    var texts: [[UInt8]] {
        parts.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }
}

/// Searching in bytes.
enum Bytes {
    /// Where `needle` is first found at or after `start`.
    static func find(_ needle: [UInt8], in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = text.baseAddress, start <= text.count else { return nil }
        guard let found = memmem(base + start, text.count - start, needle, needle.count) else {
            return nil
        }
        return UnsafeRawPointer(found) - base
    }
}
