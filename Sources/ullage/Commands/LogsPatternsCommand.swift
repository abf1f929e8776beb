// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Codecs
import LogStore
import Logs
import Model
import Pipeline

/// `ullage logs patterns`: which forms of lines there are.
struct LogsPatternsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patterns", abstract: "Show which forms of lines there are, and how often.",
        discussion: "<_> stands for what differs; LogQL's |> takes a form as it is printed.")

    @OptionGroup var selection: LogSelectionOptions
    @OptionGroup var host: LogHostOptions

    @Option(name: [.customShort("n"), .long], help: "How many forms, those of most lines first.")
    var limit = 50

    @Option(name: [.short, .long], help: "How they are written: text or jsonl.")
    var output: LogFormatName = .text

    @Argument(help: "Names, patterns, or beginnings of ids; all containers without.")
    var containers: [String] = []

    /// Mined line by line, so that memory does not grow with the log.
    private final class Mine {
        var miner = PatternMiner()
        var lines = 0
    }

    func run() async throws {
        try await reportingFailures {
            var request = try selection.request()
            request.names = containers
            (request.before, request.after) = (0, 0)
            let mine = Mine()
            _ = try await LogReading(host: host, request: request).run(
                { line in
                    guard !line.entry.isGap else { return true }
                    mine.lines += 1
                    mine.miner.add(
                        line.entry.bytes, time: line.entry.timestamp, level: line.entry.level)
                    return true
                }, pause: {})
            write(mine)
        }
    }

    private func write(_ mine: Mine) {
        var clock = LogClock()
        func time(_ value: Int64) -> [UInt8] {
            var bytes: [UInt8] = []
            clock.append(value, to: &bytes)
            return bytes.prefix(19) + [0x5a]
        }
        var bytes: [UInt8] = []
        let patterns = mine.miner.patterns.prefix(max(0, limit))
        if output == .text {
            bytes += "COUNT  LEVEL    FIRST                 LAST                  FORM\n".utf8
        }
        for pattern in patterns {
            let (first, last) = (time(pattern.times.lowerBound), time(pattern.times.upperBound))
            guard output == .text else {
                appendJSON(pattern, first, last, &bytes)
                continue
            }
            let count = String(pattern.count)
            bytes += (count + String(repeating: " ", count: max(1, 7 - count.count))).utf8
            let name = pattern.level.name
            bytes += (name + String(repeating: " ", count: max(1, 9 - name.count))).utf8
            bytes += first + [0x20, 0x20] + last + [0x20, 0x20]
            TerminalText.append(Array(pattern.text.prefix(400)), to: &bytes)
            bytes.append(0x0a)
        }
        Terminal.write(bytes)
        let shown = patterns.reduce(0) { $0 + $1.count }
        if output == .text, shown < mine.lines {
            Terminal.writeError("\(mine.lines - shown) lines have other forms\n")
        }
    }

    private func appendJSON(
        _ pattern: LinePattern, _ first: [UInt8], _ last: [UInt8], _ bytes: inout [UInt8]
    ) {
        let fields = [
            ("pattern", pattern.text), ("level", Array(pattern.level.name.utf8)), ("first", first),
            ("last", last), ("example", pattern.example),
        ]
        var json = JSONWriter()
        swap(&json.bytes, &bytes)
        json.raw("{\"count\":")
        json.integer(Int64(pattern.count))
        for (name, value) in fields {
            json.raw(",")
            json.string(name)
            json.raw(":")
            json.string(String(decoding: value, as: UTF8.self))
        }
        json.raw("}\n")
        swap(&json.bytes, &bytes)
    }
}
