// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Config
import Glibc
import Linux
import LogStore
import Logs
import Model

/// Which lines of which containers: the options that `logs` and `grep` share.
struct LogSelectionOptions: ParsableArguments {
    @Option(name: .customLong("since"), help: "Leave out what is older: 10m, 03:00, RFC 3339, ...")
    var since: String?

    @Option(help: "Leave out what is newer.")
    var until: String?

    @Flag(name: [.short, .long], help: "Of each name the container before the newest.")
    var previous = false

    @Option(
        help: ArgumentHelp(
            "Only lines of these levels; `warn+` for warn and worse.", valueName: "level,..."))
    var level: String?

    @Option(
        name: [.short, .long], parsing: .singleValue,
        help: ArgumentHelp("Leave out lines that match.", valueName: "regex"))
    var exclude: [String] = []

    @Flag(help: "Only stdout.") var stdout = false
    @Flag(help: "Only stderr.") var stderr = false

    @Option(
        name: [.customShort("l"), .customLong("label")], parsing: .singleValue,
        help: ArgumentHelp(
            "Only containers with this label: KEY=VALUE, !=, =~ or !~.", valueName: "condition"))
    var labels: [String] = []

    @Option(
        name: [.customShort("A", allowingJoined: true), .long],
        help: "Show so many lines after each that matches.")
    var after = 0

    @Option(
        name: [.customShort("B", allowingJoined: true), .long],
        help: "Show so many lines before each that matches.")
    var before = 0

    @Option(name: [.customShort("C", allowingJoined: true), .long], help: "Both.")
    var context = 0

    /// The request without names and filters for text to be found.
    func request(now: Int64 = Clock.realtimeNanoseconds()) throws -> LogRequest {
        var request = LogRequest()
        do {
            if let since { request.query.start = try TimeExpression.parse(since, now: now) }
            if let until { request.query.end = try TimeExpression.parse(until, now: now) }
        } catch {
            throw Failure(.usage, "\(error)")
        }
        request.isPrevious = previous
        if let level { request.query.levels = try Self.levels(level) }
        request.query.filters = exclude.map { LineFilter(.pattern, $0, isInverted: true) }
        if stdout != stderr { request.query.streams = [stdout ? .stdout : .stderr] }
        request.matchers = try labels.map { text in
            guard let matcher = LogRequest.matcher(text) else {
                throw Failure(
                    .usage,
                    "`\(Terminal.safe(text))` is no condition on a label: expected KEY=VALUE, "
                        + "KEY!=VALUE, KEY=~REGEX or KEY!~REGEX")
            }
            return matcher
        }
        request.before = min(100_000, max(0, max(before, context)))
        request.after = min(100_000, max(0, max(after, context)))
        return request
    }

    private static func levels(_ text: String) throws -> Set<LogLevel> {
        var result: Set<LogLevel> = []
        for word in text.split(separator: ",") {
            let isRange = word.hasSuffix("+")
            guard let level = LogLevel(word: String(isRange ? word.dropLast() : word)) else {
                throw Failure(
                    .usage,
                    "`\(Terminal.safe(String(word)))` is no level: expected "
                        + LogLevel.allCases.map(\.name).joined(separator: ", "))
            }
            if isRange {
                result.formUnion(LogLevel.allCases.filter { $0 >= level })
            } else {
                result.insert(level)
            }
        }
        return result
    }
}

/// Where logs are read: the store's files when they may be read, else the agent.
struct LogHostOptions: ParsableArguments {
    @Option(
        name: .customLong("host"),
        help: """
            The agent to ask: unix:///path or http://host:port (or the environment variable \
            ULLAGE_HOST). By default the store of this --data-dir is read.
            """)
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The agent's configuration, for the pipelines of lines that it has not stored yet; "
                + "/etc/ullage/ullage.yaml if it exists.",
            valueName: "file"))
    var config: String?

    @OptionGroup var data: DataDirectoryOptions

    /// The pipelines of the configuration. One that cannot be read is refused: what it makes
    /// unreadable must not be shown.
    func pipelines() throws -> LogPipelineChoice {
        guard let file = config ?? AgentCommand.standardFile() else {
            return try LogPipelineChoice([])
        }
        do {
            return try LogPipelineChoice(
                Configuration.load(path: file).configuration.logs.pipelines)
        } catch { throw Failure(.configuration, "\(error)") }
    }

    /// The address given, if one was.
    var address: String? {
        let text = host ?? getenv("ULLAGE_HOST").map { String(cString: $0) }
        return text?.isEmpty == false ? text : nil
    }

    /// Whether the store's files are to be read: no agent was named, and they may be.
    var isLocal: Bool {
        guard address == nil else { return false }
        let path = data.directory.logs
        return access(path, R_OK | X_OK) == 0 || access(data.directory.socket, W_OK) != 0
    }

    /// A client for the agent chosen.
    func client() throws -> APIClient {
        if let address {
            return APIClient(
                endpoint: try .init(parsing: address), prefix: APIClient.prefix(of: address))
        }
        return APIClient(endpoint: .unixSocket(path: data.directory.socket))
    }
}

/// How lines are written: the options that `logs` and `grep` share.
struct LogOutputOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Print the time of each line.")
    var timestamps = false

    @Flag(inversion: .prefixedNo, help: "Print the container's name before each line.")
    var names: Bool?

    @Flag(help: "Do not make control characters visible on a terminal.")
    var raw = false

    @Option(name: [.short, .long], help: "How lines are written: text or jsonl.")
    var output: LogFormatName = .text

    @Flag(help: "Neither colours nor highlighting.")
    var noColor = false

    @Flag(help: "Do not use a pager on a terminal.")
    var noPager = false

    @Option(
        name: [.customShort("H"), .customLong("highlight")], parsing: .singleValue,
        help: ArgumentHelp("Show in colour what matches.", valueName: "regex"))
    var highlight: [String] = []
}

/// How lines are written.
enum LogFormatName: String, ExpressibleByArgument, CaseIterable {
    case text
    case jsonl
}
