// SPDX-License-Identifier: Apache-2.0

import Glibc
import LogStore
import Logs
import Matching
import Model

/// Writes lines to the terminal, a pager or a pipe.
///
/// Without names, and when it is no terminal, stderr's lines go to stderr, as Docker has it.
final class LogPrinter {
    private let options: LogOutputOptions
    private let hasNames: Bool
    private let isTerminal: Bool
    private let hasColour: Bool
    private let patterns: [BytePattern]
    private var clock = LogClock()
    private var output: [UInt8] = []
    private var errors: [UInt8] = []
    private var widest = 0
    /// Lines printed that were asked for themselves.
    private(set) var count = 0

    private static let reset = Array("\u{1b}[0m".utf8)
    private static let mark = Array("\u{1b}[1;31m".utf8)
    private static let faint = Array("\u{1b}[2m".utf8)
    private static let colours = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94].map {
        Array("\u{1b}[\($0)m".utf8)
    }

    /// A printer; `highlighted` is shown in colour where there is any.
    init(
        _ options: LogOutputOptions, hasNames: Bool, highlighted: [(text: String, isFolded: Bool)]
    ) throws {
        self.options = options
        self.hasNames = hasNames
        isTerminal = Terminal.isInteractive
        hasColour = Terminal.usesColour && !options.noColor && options.output == .text
        do {
            patterns =
                hasColour
                ? try highlighted.map { try BytePattern($0.text, ignoresCase: $0.isFolded) } : []
        } catch {
            throw Failure(.usage, Terminal.safe("\(error)", limit: 500))
        }
    }

    func print(_ line: LogLine) {
        if !line.isContext { count += 1 }
        guard options.output == .text else {
            line.appendJSON(&clock, to: &output)
            return flushIfLarge()
        }
        let isError = line.entry.stream == .stderr && !hasNames && !isTerminal
        if isError != !errors.isEmpty { flush() }
        if isError { text(line, &errors) } else { text(line, &output) }
        flushIfLarge()
    }

    private func text(_ line: LogLine, _ bytes: inout [UInt8]) {
        if line.startsGroup { bytes += "--\n".utf8 }
        if hasNames { name(line.identity, &bytes) }
        if options.timestamps {
            if hasColour { bytes += Self.faint }
            clock.append(line.entry.timestamp, to: &bytes)
            if hasColour { bytes += Self.reset }
            bytes.append(0x20)
        }
        if line.entry.isGap {
            bytes += "[ullage: ".utf8
            TerminalText.append(line.entry.bytes, to: &bytes)
            bytes += "]\n".utf8
            return
        }
        body(line.entry.bytes, &bytes)
        // A line that goes on is put together again, unless others stand between.
        if !line.entry.isPartial || hasNames || isTerminal { bytes.append(0x0a) }
    }

    private func name(_ identity: LogIdentity, _ bytes: inout [UInt8]) {
        let name = Terminal.safe(identity.name, limit: 64)
        widest = max(widest, min(32, name.count))
        let hash = identity.name.utf8.reduce(5381) { ($0 &* 33) ^ Int($1) } & .max
        if hasColour { bytes += Self.colours[hash % Self.colours.count] }
        bytes += name.utf8
        bytes += String(repeating: " ", count: max(0, widest - name.count)).utf8
        bytes += " | ".utf8
        if hasColour { bytes += Self.reset }
    }

    private func body(_ line: [UInt8], _ bytes: inout [UInt8]) {
        guard isTerminal, !options.raw else {
            bytes += line
            return
        }
        var at = 0
        for range in highlights(line) {
            TerminalText.append(Array(line[at..<range.lowerBound]), to: &bytes)
            bytes += Self.mark
            TerminalText.append(Array(line[range]), to: &bytes)
            bytes += Self.reset
            at = range.upperBound
        }
        TerminalText.append(
            at == 0 ? line : Array(line[at...]), to: &bytes, keepingColours: hasColour)
    }

    /// What is to be highlighted, in order and apart.
    private func highlights(_ line: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        for pattern in patterns {
            var from = 0
            while found.count < 1000,
                let range = line.withUnsafeBytes({ pattern.firstMatch(in: $0, from: from) })
            {
                if !range.isEmpty { found.append(range) }
                from = max(range.upperBound, range.lowerBound + 1)
                if from >= line.count { break }
            }
        }
        found.sort { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
        var result: [Range<Int>] = []
        for range in found {
            if let last = result.last, range.lowerBound < last.upperBound { continue }
            result.append(range)
        }
        return result
    }

    private func flushIfLarge() {
        if output.count + errors.count > 64 << 10 { flush() }
    }

    /// Writes what was held back.
    func flush() {
        if !output.isEmpty { Terminal.write(output) }
        if !errors.isEmpty { Terminal.write(errors, to: STDERR_FILENO) }
        output.removeAll(keepingCapacity: true)
        errors.removeAll(keepingCapacity: true)
    }
}
