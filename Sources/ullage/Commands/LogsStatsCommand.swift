// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import LogStore
import Model

/// `ullage logs stats`: who writes how much.
struct LogsStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show who writes how much, and how serious it is.")

    @OptionGroup var selection: LogSelectionOptions
    @OptionGroup var host: LogHostOptions

    @Option(name: [.short, .long], help: "How the list is written: table or json.")
    var output: ListFormat = .table

    @Argument(help: "Names, patterns, or beginnings of ids; all containers without.")
    var containers: [String] = []

    func run() async throws {
        try await reportingFailures {
            var request = try selection.request()
            request.names = containers
            let rows = try await read(request)
            switch output {
            case .json: Terminal.writeJSON(NamedTally.json(rows) + [0x0a])
            case .table: print(rows)
            }
        }
    }

    private func read(_ request: LogRequest) async throws -> [NamedTally] {
        do {
            guard host.isLocal else {
                let answer = try await host.client().get(
                    "/api/v1/logs/stats", query: request.parameters)
                guard answer.status == 200, let rows = NamedTally.read(json: answer.body) else {
                    throw Failure(.badData, "the agent answered HTTP \(answer.status)")
                }
                return rows
            }
            return try NamedTally.read(
                request, in: LogArchive(directory: host.data.directory.logs))
        } catch let error as LogNotFound {
            throw Failure(.no, Terminal.safe("\(error)", limit: 1000))
        }
    }

    private func print(_ rows: [NamedTally]) {
        var table = Table(
            [.left("NAME")]
                + ["LINES", "TEXT", "STORED", "RATIO", "FATAL", "ERROR", "WARN", "GAPS"]
                .map { .right($0) } + [.left("FIRST"), .left("LAST")])
        var clock = LogClock()
        func time(_ value: Int64?) -> String {
            guard let value else { return "-" }
            var bytes: [UInt8] = []
            clock.append(value, to: &bytes)
            return String(decoding: bytes.prefix(19), as: UTF8.self) + "Z"
        }
        for row in rows {
            let tally = row.tally
            let ratio = Double(tally.bytes + tally.lines) / Double(max(1, tally.storedBytes))
            table.append([
                row.name, "\(tally.lines)",
                Quantity.bytes(Int64(tally.bytes)), Quantity.bytes(Int64(tally.storedBytes)),
                self.ratio(ratio), "\(tally.levels[.fatal] ?? 0)", "\(tally.levels[.error] ?? 0)",
                "\(tally.levels[.warning] ?? 0)", "\(tally.gaps)", time(tally.times?.lowerBound),
                time(tally.times?.upperBound),
            ])
        }
        Terminal.write(table.rendered())
    }

    /// How much smaller the text is stored; unknown for a part of it.
    private func ratio(_ ratio: Double) -> String {
        selection.since == nil && selection.until == nil
            ? "\(Double(Int(ratio * 10)) / 10)" : "-"
    }
}
