// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LogStore
import Matching
import Model

/// `ullage grep`: lines of all containers that match, with grep's habits.
struct GrepCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grep", abstract: "Find lines in the logs of all containers.",
        discussion: "Exits with 1 when nothing matches, as grep(1) does.")

    @Flag(name: [.short, .long], help: "Take upper and lower case for the same.")
    var ignoreCase = false

    @Flag(name: [.customShort("F"), .long], help: "The pattern is text, not an expression.")
    var fixedStrings = false

    @Flag(name: [.customShort("w"), .long], help: "Only whole words.")
    var wordRegexp = false

    @Flag(name: [.customShort("c"), .long], help: "Print only how many lines match, by container.")
    var count = false

    @OptionGroup var selection: LogSelectionOptions
    @OptionGroup var output: LogOutputOptions
    @OptionGroup var host: LogHostOptions

    @Argument(help: "A regular expression in RE2's syntax.")
    var pattern: String

    @Argument(help: "Names, patterns, or beginnings of ids; all containers without.")
    var containers: [String] = []

    func run() async throws {
        try await reportingFailures {
            var request = try selection.request()
            request.names = containers
            let isText = fixedStrings || BytePattern.isPlain(pattern)
            let kind: LineFilter.Kind = isText ? (wordRegexp ? .word : .substring) : .pattern
            let text = wordRegexp && !isText ? "\\b(?:\(pattern))\\b" : pattern
            request.query.filters.insert(
                LineFilter(kind, text, ignoresCase: ignoreCase), at: 0)
            let found = count ? try await counts(request) : try await show(request)
            if found == 0 { throw ExitCode(1) }
        }
    }

    private func show(_ request: LogRequest) async throws -> Int {
        let expression = fixedStrings ? BytePattern.quoted(pattern) : pattern
        let show = LogShow(host: host, output: output, request: request, namesByDefault: true)
        return try await show.run([(text: expression, isFolded: ignoreCase)]).count
    }

    private func counts(_ request: LogRequest) async throws -> Int {
        var request = request
        (request.before, request.after) = (0, 0)
        let counts = Counts()
        _ = try await LogReading(host: host, request: request).run(
            { line in
                if !line.entry.isGap { counts.byName[line.identity.name, default: 0] += 1 }
                return true
            }, pause: {})
        for (name, count) in counts.byName.sorted(by: { $0.key < $1.key }) {
            Terminal.write("\(Terminal.safe(name)): \(count)\n")
        }
        return counts.byName.values.reduce(0, +)
    }

    private final class Counts {
        var byName: [String: Int] = [:]
    }
}
