// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Model
import Runtime

/// `ullage ps`: the containers of the embedded runtime, from their directories.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List containers.")

    @Flag(name: [.short, .long], help: "Show those that have ended, too.")
    var all = false

    @Flag(name: [.short, .long], help: "Print ids only.")
    var quiet = false

    @Flag(help: "Do not shorten ids and commands.")
    var noTrunc = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var data: DataDirectoryOptions

    func run() async throws {
        try await reportingFailures {
            let containers = data.runtime().list()
                .filter { all || $0.state == .running }
                .sorted { $0.createdAt > $1.createdAt }
            if quiet {
                Terminal.write(containers.map { short($0.id) + "\n" }.joined())
            } else if output == .json {
                Terminal.write(try JSONOutput.lines(containers.map(ContainerRecord.init)))
            } else {
                Terminal.write(table(containers).rendered())
            }
        }
    }

    private func table(_ containers: [Container]) -> Table {
        var table = Table([
            .left("CONTAINER ID"), .left("NAME"), .left("STATUS"), .left("CREATED"),
            .left("IMAGE"), .left("COMMAND"),
        ])
        let now = Int64(time(nil)) * 1000
        for container in containers {
            let command = container.command.joined(separator: " ")
            table.append([
                short(container.id), container.name, Self.status(container, now: now),
                Quantity.duration(Double(now - container.createdAt) / 1000) + " ago",
                container.image,
                noTrunc || command.count <= 32 ? command : command.prefix(31) + "…",
            ])
        }
        return table
    }

    private func short(_ id: String) -> String { noTrunc ? id : String(id.prefix(12)) }

    /// The state in words, with how long it has lasted.
    static func status(_ container: Container, now: Milliseconds) -> String {
        func since(_ start: Milliseconds?) -> String {
            start.map { " " + Quantity.duration(Double(max(0, now - $0)) / 1000) } ?? ""
        }
        switch container.state {
        case .created: return "Created"
        case .running: return "Up" + since(container.startedAt)
        case .dead: return "Dead"
        case .exited:
            let code = container.exitCode.map { " (\($0))" } ?? ""
            let reason = container.oomKilled ? " out of memory," : ""
            let ago = container.finishedAt == nil ? "" : since(container.finishedAt) + " ago"
            return "Exited\(code)\(reason)\(ago)"
        }
    }
}
