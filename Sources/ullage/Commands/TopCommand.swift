// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Linux

/// `ullage top`: the processes of a container of any engine.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show the processes of a container.",
        discussion: """
            PID is the number on the host and INNER the one inside the container. CPU is the share \
            of one core since the process started. The full screen is `ullage stats`.
            """)

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @Flag(help: "Do not shorten commands.")
    var noTrunc = false

    @OptionGroup var host: HostOptions

    @Argument(help: "A name, an id or the beginning of an id.")
    var container: String

    func run() async throws {
        try await reportingFailures {
            let answer = try await host.client().data(
                "/api/v1/processes", query: [("container", container)], as: Processes.self)
            guard let found = answer.data else {
                throw Failure(.badData, "the agent's answer has no processes")
            }
            guard found.state == "running" else {
                throw Failure(
                    .no, "\(Terminal.safe(found.name)) does not run: it is \(found.state)")
            }
            if output == .json {
                return Terminal.write(try JSONOutput.lines(found.processes))
            }
            Terminal.write(table(found.processes).rendered())
        }
    }

    private func table(_ rows: [ProcessRow]) -> Table {
        var table = Table([
            .right("PID"), .right("PPID"), .right("INNER"), .left("USER"), .left("S"),
            .right("THREADS"), .right("CPU"), .right("TIME"), .right("RSS"), .right("STARTED"),
            .left("COMMAND"),
        ])
        let now = Double(Clock.realtimeMilliseconds())
        for row in rows {
            let age = max(0.01, (now - row.startedAtMs) / 1000)
            let command = row.command.joined(separator: " ")
            table.append([
                "\(row.pid)", "\(row.parentPid)",
                row.innerPid.map { "\($0)" } ?? Quantity.unknown, user(row.uid), row.state,
                "\(row.threads)", Quantity.percent(row.cpuSeconds / age),
                Quantity.decimal(row.cpuSeconds, 2) + "s", Quantity.bytes(row.residentBytes),
                Quantity.duration(age) + " ago",
                noTrunc || command.count <= 60 ? command : command.prefix(59) + "…",
            ])
        }
        return table
    }

    /// The host's name for a user, where it has one and the agent is on this host.
    private func user(_ uid: UInt32) -> String {
        guard host.host == nil, let entry = getpwuid(uid), let name = entry.pointee.pw_name else {
            return "\(uid)"
        }
        return String(cString: name)
    }
}

/// What `/api/v1/processes` gives.
private struct Processes: Decodable {
    var name: String
    var state: String
    var processes: [ProcessRow]
}

private struct ProcessRow: Codable {
    var pid: Int32
    var parentPid: Int32
    var innerPid: Int32?
    var uid: UInt32
    var threads: Int64
    var residentBytes: Int64
    var startedAtMs: Double
    var cpuSeconds: Double
    var state: String
    var command: [String]
}
