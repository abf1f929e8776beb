// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Model
import Runtime

/// `ullage ps`: the embedded runtime's containers, from their directories, and those of other engines
/// that the agent sees. Without an agent the former alone.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List containers.",
        discussion:
            "Containers of Docker, Podman and the other engines are known to the agent only.")

    @Flag(name: [.short, .long], help: "Show systemd units, bare cgroups and what has ended, too.")
    var all = false

    @Flag(name: [.short, .long], help: "Print ids only.")
    var quiet = false

    @Flag(help: "Do not shorten ids and commands.")
    var noTrunc = false

    @Option(name: [.short, .long], help: "table, wide or json.")
    var output = PsFormat.table

    @Option(name: [.short, .long], help: StatsRow.filterHelp)
    var filter: [String] = []

    @OptionGroup var host: HostOptions

    func validate() throws { try StatsRow.validate(filter) }

    func run() async throws {
        try await reportingFailures {
            let containers = try await everything()
                .filter { container in
                    all
                        || container.state == .running
                            && (!filter.isEmpty || ![.systemd, .cgroup].contains(container.engine))
                }
                .filter { container in filter.allSatisfy { container.matches($0) } }
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

    /// The containers of all engines. An agent that does not answer is missed only if it was named.
    private func everything() async throws -> [Container] {
        var rows: [StatsRow] = []
        do {
            rows =
                try await host.client().data(
                    "/api/v1/containers", query: [("full", "1")], as: [StatsRow].self
                ).data ?? []
        } catch let failure as Failure {
            if host.host != nil { throw failure }
        }
        if host.host != nil { return rows.compactMap(\.asContainer) }
        let others = rows.filter { $0.engine != Container.Engine.embedded.rawValue }
        return host.data.runtime().list() + others.compactMap(\.asContainer)
    }

    private func table(_ containers: [Container]) -> Table {
        var columns: [Table.Column] = [
            .left("CONTAINER ID"), .left("NAME"), .left("STATUS"), .left("CREATED"),
            .left("ENGINE"), .left("IMAGE"), .left("COMMAND"),
        ]
        if output == .wide {
            columns += [.left("PORTS"), .left("NETWORKS"), .right("RESTARTS"), .left("PROJECT")]
        }
        var table = Table(columns)
        let now = Int64(time(nil)) * 1000
        for container in containers {
            let command = container.command.joined(separator: " ")
            var cells = [
                short(container.id), container.name, Self.status(container, now: now),
                Quantity.duration(Double(now - container.createdAt) / 1000) + " ago",
                container.engine.rawValue, container.image,
                noTrunc || command.count <= 32 ? command : command.prefix(31) + "…",
            ]
            if output == .wide {
                cells += [
                    container.ports.map(\.text).joined(separator: ", "),
                    container.networks.joined(separator: ", "),
                    container.restartCount.map { "\($0)" } ?? Quantity.unknown,
                    container.composeProject ?? container.kubernetes?.namespace ?? "",
                ]
            }
            table.append(cells)
        }
        return table
    }

    private func short(_ id: String) -> String {
        // The identifier of a unit or a bare cgroup is its path.
        noTrunc || id.hasPrefix("/") ? id : String(id.prefix(12))
    }

    /// The state in words, with how long it has lasted.
    static func status(_ container: Container, now: Milliseconds) -> String {
        func since(_ start: Milliseconds?) -> String {
            start.map { " " + Quantity.duration(Double(max(0, now - $0)) / 1000) } ?? ""
        }
        switch container.state {
        case .created: return "Created"
        case .running:
            let health = container.health.map { " (\($0.rawValue))" } ?? ""
            return "Up" + since(container.startedAt) + health
        case .dead: return "Dead"
        case .exited:
            let code = container.exitCode.map { " (\($0))" } ?? ""
            let reason = container.oomKilled ? " out of memory," : ""
            let ago = container.finishedAt == nil ? "" : since(container.finishedAt) + " ago"
            return "Exited\(code)\(reason)\(ago)"
        }
    }
}

/// How `ps` is written.
enum PsFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case wide
    case json
}
