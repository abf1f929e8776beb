// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Linux
import LogStore
import Logs
import Model

/// `ullage logs`: what containers wrote, and what they write.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what containers wrote.",
        discussion: """
            NAME is a container's name, which stands for all containers that had it; NAME~1 is the \
            one before the newest, a pattern such as 'web-*' all names of that form; an id or its \
            beginning is one container. Containers that are gone are there too, for as long as \
            their logs are kept. Without NAME, all containers.
            """,
        subcommands: [
            ShowLogsCommand.self, LogsStatsCommand.self, LogsPatternsCommand.self,
        ], defaultSubcommand: ShowLogsCommand.self)
}

/// `ullage logs [NAME...]`.
struct ShowLogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what containers wrote (the default).")

    @Flag(name: [.short, .long], help: "Go on with what comes, also of containers that come.")
    var follow = false

    @Option(
        name: [.customShort("n", allowingJoined: true), .long],
        help: "Start with the last lines of each; `all` for all.")
    var tail = "all"

    @Option(name: .customLong("at"), help: "Show the lines around a time; see -A, -B and -C.")
    var around: String?

    @Option(
        name: [.short, .long], parsing: .singleValue,
        help: ArgumentHelp("Only lines that match; of several, any.", valueName: "regex"))
    var include: [String] = []

    @Option(
        name: [.customShort("g"), .long], parsing: .singleValue,
        help: ArgumentHelp("Only lines that match; of several, all.", valueName: "regex"))
    var grep: [String] = []

    @Flag(inversion: .prefixedNo, help: "Order several containers' lines by time.")
    var merge = true

    @Option(
        help: """
            A file that says where to go on, which is updated at the end: each call shows what is \
            new since the one before.
            """)
    var cursor: String?

    @Flag(
        help: """
            Show what the pipeline that --config gives the container makes of lines read from stdin.
            """)
    var explain = false

    @OptionGroup var selection: LogSelectionOptions
    @OptionGroup var output: LogOutputOptions
    @OptionGroup var host: LogHostOptions

    @Argument(help: "Names, patterns, or beginnings of ids.")
    var containers: [String] = []

    func run() async throws {
        try await reportingFailures {
            if explain {
                return try PipelineExplanation(config: host.config ?? AgentCommand.standardPath)
                    .run(container: containers.first)
            }
            var request = try selection.request()
            request.names = containers
            request.isFollowing = follow
            if tail != "all" {
                guard let count = Int(tail) else {
                    throw Failure(.usage, "--tail must be a number or `all`")
                }
                // Docker takes a negative number for all.
                request.tail = count < 0 ? nil : count
            }
            if let around {
                do {
                    request.around = try TimeExpression.parse(
                        around, now: Clock.realtimeNanoseconds())
                } catch {
                    throw Failure(.usage, "\(error)")
                }
                if request.before + request.after == 0 {
                    (request.before, request.after) = (10, 10)
                }
            }
            let searched =
                grep + (include.isEmpty ? [] : [include.map { "(?:\($0))" }.joined(separator: "|")])
            request.query.filters += searched.map { LineFilter(.pattern, $0) }
            let cursor = try cursor.map { try LogCursorFile(path: $0) }
            if let cursor { request.query.from = cursor.positions }
            let highlighted = (output.highlight + grep + include).map {
                (text: $0, isFolded: false)
            }
            let shown = try await LogShow(
                host: host, output: output, request: request, isMerged: merge
            ).run(highlighted)
            try cursor?.write(shown.positions)
        }
    }
}
