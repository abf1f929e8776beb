// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chart
import Glibc
import Logs

/// `ullage query`: evaluates PromQL, or LogQL, on an agent or on any server with Prometheus' or
/// Loki's API.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Evaluate a PromQL expression, or with --logs one of LogQL.",
        discussion: """
            An instant query by default; with --since or --start a range query. Times are RFC 3339, \
            `2026-01-31 12:00`, epoch seconds, or relative such as 10m or `2h ago`. With --logs, a \
            query for lines shows those of the last hour unless a range is given.
            """)

    @Option(help: "The time of an instant query.")
    var at: String?

    @Option(help: "A range that began so long ago and ends now, such as 1h.")
    var since: String?

    @Option(help: "The start of a range.")
    var start: String?

    @Option(help: "The end of a range; now unless given.")
    var end: String?

    @Option(help: "The step of a range, such as 30s; a 250th of the range unless given.")
    var step: String?

    @Option(name: [.short, .long], help: "table, json, csv or chart.")
    var output = QueryFormat.table

    @Flag(
        help: "Say on stderr how many samples were read, at which resolution, and how long it took."
    )
    var stats = false

    @Flag(help: "Draw a chart in ASCII; so it is by itself where the locale is not UTF-8.")
    var ascii = false

    @Flag(help: "The expression is LogQL.")
    var logs = false

    @Option(help: "Lines at most, with --logs.")
    var limit = 100

    @OptionGroup var host: HostOptions

    @Argument(help: "The expression.")
    var expression: String

    func validate() throws {
        if at != nil, since != nil || start != nil || end != nil || step != nil {
            throw ValidationError("--at is for an instant; leave out the range's options.")
        }
        if since != nil, start != nil {
            throw ValidationError("--since and --start exclude each other.")
        }
        if output == .chart, at != nil {
            throw ValidationError("a chart is drawn of a range: use --since or --start.")
        }
        if output == .csv, logs {
            throw ValidationError("--logs prints a table, a chart or JSON.")
        }
        if end != nil || step != nil, since == nil, start == nil {
            throw ValidationError("--end and --step need --since or --start.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let client = try host.client()
            var (path, parameters) = try request()
            if stats { parameters.append(("stats", "all")) }
            let response = try await client.get(path, query: parameters)
            if output == .json, response.status == 200 {
                return Terminal.writeJSON(response.body + [UInt8(ascii: "\n")])
            }
            if logs, let lines = try LogLines(response, query: expression) {
                return Terminal.write(lines.rendered())
            }
            let answer = try QueryAnswer(response, expression: expression)
            for note in answer.notes { Terminal.writeError("\(note)\n") }
            if stats, let text = answer.statistics { Terminal.writeError("\(text)\n") }
            switch output {
            case .csv: Terminal.write(answer.csv(isForTerminal: Terminal.isInteractive))
            case .chart: Terminal.write(chart(of: answer, parameters))
            case .table, .json: Terminal.write(answer.table().rendered())
            }
        }
    }

    private func chart(of answer: QueryAnswer, _ parameters: [(String, String)]) -> String {
        func parameter(_ name: String) -> Double? {
            parameters.first { $0.0 == name }.flatMap { Double($0.1) }
        }
        let size = Terminal.size
        var style = LineChart.Style()
        style.width = max(20, size.columns)
        style.height = min(max(size.rows - 10, 6), 20)
        style.ascii = ascii || !Terminal.isUTF8
        style.colour = Terminal.usesColour
        style.unit = Unit(guessingFrom: expression)
        // A step in words is the server's to read; the smallest pause of the answer stands in.
        style.step = parameter("step") ?? answer.smallestPause
        return answer.chart(style, start: parameter("start"), end: parameter("end"))
    }

    /// The endpoint and its parameters.
    private func request() throws -> (String, [(String, String)]) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        let isLines = logs && expression.first { $0 != "(" && $0 != " " } == "{"
        guard let begin = since ?? start ?? (output == .chart || isLines ? "1h" : nil) else {
            let instant = try at.map { try moment($0, now: now) } ?? now
            return (prefix + "/api/v1/query", [("query", expression), ("time", seconds(instant))])
        }
        let first = try moment(begin, now: now)
        let last = try end.map { try moment($0, now: now) } ?? now
        guard first <= last else { throw Failure(.usage, "the range ends before it starts") }
        let automatic = max(1, ((last - first) / 250 + 999_999_999) / 1_000_000_000)
        var parameters = logs ? [("limit", String(limit))] : []
        parameters += [
            ("query", expression), ("start", seconds(first)), ("end", seconds(last)),
            ("step", step ?? "\(automatic)"),
        ]
        return (prefix + "/api/v1/query_range", parameters)
    }

    private var prefix: String { logs ? "/loki" : "" }

    private func moment(_ text: String, now: Int64) throws -> Int64 {
        do { return try TimeExpression.parse(text, now: now) } catch {
            throw Failure(.usage, "\(error)")
        }
    }

    /// Nanoseconds as the API's float seconds, to the millisecond.
    private func seconds(_ nanoseconds: Int64) -> String {
        Quantity.decimal(Double(nanoseconds / 1_000_000) / 1000, 3)
    }
}
