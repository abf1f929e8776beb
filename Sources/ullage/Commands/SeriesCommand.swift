// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Logs

/// `--since`, `--limit` and `-o` of the commands that look into the index.
struct IndexOptions: ParsableArguments {
    @Option(help: "Only what had samples since then, such as 1h.")
    var since: String?

    @Option(help: "Print so many at most.")
    var limit: Int = 10_000

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be 1 or more.") }
    }

    /// The parameters of Prometheus' API. One more than the limit is asked for, so that it can be
    /// said that there are more; a server that knows no limit is cut off here.
    func parameters(matching: [String]) throws -> [(String, String)] {
        var list = matching.map { ("match[]", $0) } + [("limit", "\(limit + 1)")]
        guard let since else { return list }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        do {
            let start = try TimeExpression.parse(since, now: now)
            list.append(("start", "\(start / 1_000_000_000)"))
            list.append(("end", "\(now / 1_000_000_000 + 1)"))
        } catch { throw Failure(.usage, "\(error)") }
        return list
    }

    /// Prints rows of text, or their JSON.
    func print(_ rows: [String], title: String, json: () throws -> [UInt8]) rethrows {
        if rows.count >= limit + 1 {
            Terminal.writeError("only the first \(limit) are shown: there are more\n")
        }
        if output == .json { return Terminal.writeJSON(try json()) }
        Terminal.write(title + "\n" + rows.prefix(limit).map { $0 + "\n" }.joined())
    }
}

/// `ullage series`: the series that selectors match.
struct SeriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "series", abstract: "List the series that selectors match.",
        discussion: """
            Without a selector all series are listed. Several selectors add up: \
            `ullage series up 'node_cpu_seconds_total{mode="idle"}'`.
            """)

    @OptionGroup var index: IndexOptions
    @Option(help: "One more selector.")
    var match: [String] = []
    @OptionGroup var host: HostOptions
    @Argument(help: "Selectors of series.")
    var selectors: [String] = []

    func run() async throws {
        try await reportingFailures {
            let asked = selectors + match
            let matching = asked.isEmpty ? ["{__name__!=\"\"}"] : asked
            let answer = try await host.client().data(
                "/api/v1/series", query: try index.parameters(matching: matching),
                as: [[String: String]].self)
            let series = (answer.data ?? []).map { ($0, QueryAnswer.selector($0)) }
                .sorted { $0.1 < $1.1 }
            try index.print(series.map(\.1), title: "SERIES") {
                try CompactJSON.bytes(series.prefix(index.limit).map(\.0))
            }
        }
    }
}

/// `ullage labels`: the names of labels, or the values of one.
struct LabelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "labels", abstract: "List the names of labels, or the values of one.",
        discussion: "`ullage labels __name__` lists the metrics.")

    @OptionGroup var index: IndexOptions
    @Option(help: "Only labels of the series that this selector matches.")
    var match: [String] = []
    @OptionGroup var host: HostOptions
    @Argument(help: "The label whose values are listed.")
    var name: String?

    func run() async throws {
        try await reportingFailures {
            let path = name.map { "/api/v1/label/\(APIClient.escape($0))/values" }
            let answer = try await host.client().data(
                path ?? "/api/v1/labels", query: try index.parameters(matching: match),
                as: [String].self)
            let texts = (answer.data ?? []).sorted()
            try index.print(texts.map { Terminal.safe($0) }, title: name == nil ? "LABEL" : "VALUE")
            {
                try CompactJSON.bytes(Array(texts.prefix(index.limit)))
            }
        }
    }
}
