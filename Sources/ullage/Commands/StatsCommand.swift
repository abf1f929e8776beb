// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

/// `ullage stats`: what containers use and how much room is left, again and again.
struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show what containers use and how much room is left, live.",
        discussion: """
            HEADROOM is what is left of the container's tightest limit, and FULL IN the time until \
            a limit is reached if the present trend goes on. A `-` means that the host does not \
            tell, or that there is no limit or no trend.
            """)

    @Flag(
        name: [.short, .long], help: "Show systemd units, bare cgroups and what does not run, too.")
    var all = false

    @Flag(help: "Print once and end.")
    var noStream = false

    @Option(name: [.short, .long], help: "Seconds between two tables.")
    var interval = 2.0

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @Option(help: "Order by name, cpu, memory, pids or headroom (the least first).")
    var sort = StatsOrder.name

    @Option(
        name: [.short, .long],
        help: "Show only engine=E, name=N, image=I, pod=P, namespace=N or project=P. Repeatable.")
    var filter: [String] = []

    @OptionGroup var host: HostOptions

    @Argument(help: "Names or ids; all when none is given.")
    var containers: [String] = []

    func validate() throws {
        guard interval >= 0.1, interval <= 3600 else {
            throw ValidationError("--interval must be from 0.1 to 3600 seconds.")
        }
        try StatsRow.validate(filter)
    }

    func run() async throws {
        try await reportingFailures {
            let client = try host.client()
            let screen = LiveScreen(
                enabled: Terminal.isInteractive && !noStream && output == .table)
            repeat {
                let rows = try await fetch(client)
                if output == .json {
                    Terminal.write(try JSONOutput.lines(rows))
                } else {
                    screen.show(table(rows).lines())
                }
                if !noStream { try await Task.sleep(for: .seconds(interval)) }
            } while !noStream
        }
    }

    private func fetch(_ client: APIClient) async throws -> [StatsRow] {
        let rows = try await client.data("/api/v1/containers", as: [StatsRow].self).data ?? []
        return
            rows
            .filter { row in
                // Who asks for something by name or engine is shown it.
                all
                    || row.state == "running"
                        && (row.isContainer || !containers.isEmpty || !filter.isEmpty)
            }
            .filter { row in filter.allSatisfy { row.matches($0) } }
            .filter { row in
                containers.isEmpty
                    || containers.contains { $0 == row.name || row.id.hasPrefix($0) }
            }
            .sorted { sort.precedes($0, $1) }
    }

    private func table(_ rows: [StatsRow]) -> Table {
        var table = Table([
            .left("NAME"), .left("STATE"), .right("CPU"), .right("MEM / LIMIT"), .right("HEADROOM"),
            .right("FULL IN"), .right("PIDS"), .right("LOG"), .right("PSI CPU/MEM/IO"),
        ])
        for row in rows {
            let limit = row.memoryLimitBytes.map { Quantity.bytes($0) } ?? "none"
            let usage = row.memoryWorkingSetBytes ?? row.memoryUsageBytes
            let room = row.headroomRatio.map {
                Quantity.percent($0) + (row.headroomResource.map { " " + $0 } ?? "")
            }
            let pids = row.pids.map { "\($0)" + (row.pidsLimit.map { " / \($0)" } ?? "") }
            let pressure = [row.cpuPressureRatio, row.memoryPressureRatio, row.ioPressureRatio]
            table.append([
                row.name, row.stateText, Quantity.percent(row.cpuCores),
                usage == nil ? Quantity.unknown : "\(Quantity.bytes(usage)) / \(limit)",
                room ?? Quantity.unknown, Quantity.duration(row.timeToFullSeconds),
                pids ?? Quantity.unknown, Quantity.rate(row.logLinesPerSecond),
                pressure.allSatisfy { $0 == nil }
                    ? Quantity.unknown
                    : pressure.map { $0.map { Quantity.decimal($0 * 100, 0) } ?? Quantity.unknown }
                        .joined(separator: "/"),
            ])
        }
        return table
    }
}

/// A row of the agent's `/api/v1/containers`.
struct StatsRow: Codable {
    var name: String
    var id: String
    var engine: String
    var image: String
    var state: String
    var cpuCores: Double?
    var throttledRatio: Double?
    var memoryUsageBytes: Int64?
    var memoryWorkingSetBytes: Int64?
    var memoryLimitBytes: Int64?
    var headroomRatio: Double?
    var headroomResource: String?
    var timeToFullSeconds: Double?
    var pids: Int64?
    var pidsLimit: Int64?
    var ioReadBytesPerSecond: Double?
    var ioWriteBytesPerSecond: Double?
    var cpuPressureRatio: Double?
    var memoryPressureRatio: Double?
    var ioPressureRatio: Double?
    var logLinesPerSecond: Double?
    var oomKills: Int64?
    var exitCode: Int32?
    var namespace: String?
    var pod: String?
    var container: String?
    var unit: String?
    var composeProject: String?
    var composeService: String?
    var health: String?
    var cgroupPath: String?
    var createdAtMs: Double?
    var startedAtMs: Double?
    var restartCount: Double?
    var networks: [String]?
    var ports: [String]?

    static let filterKeys = ["engine", "name", "image", "pod", "namespace", "project"]

    /// Whether an engine runs it, rather than systemd or nobody known.
    var isContainer: Bool { engine != "systemd" && engine != "cgroup" }

    /// Refuses what is no filter.
    static func validate(_ filters: [String]) throws {
        for text in filters {
            let key = String(text.prefix { $0 != "=" })
            guard text.contains("="), filterKeys.contains(key) else {
                throw ValidationError(
                    "`\(Terminal.safe(text))` is not a filter: expected KEY=VALUE with one of "
                        + filterKeys.joined(separator: ", "))
            }
        }
    }

    /// Whether it satisfies a filter of the form KEY=VALUE.
    func matches(_ filter: String) -> Bool { asContainer?.matches(filter) ?? false }

    /// The row as a container; nil when a newer agent names an engine or a state not known here.
    var asContainer: Container? {
        guard let engine = Container.Engine(rawValue: engine),
            let state = Container.State(rawValue: state)
        else { return nil }
        var result = Container(
            engine: engine, id: id, name: name, image: image, state: state,
            createdAt: createdAtMs.flatMap { Milliseconds(exactly: $0.rounded()) } ?? 0)
        result.startedAt = startedAtMs.flatMap { Milliseconds(exactly: $0.rounded()) }
        result.exitCode = exitCode
        result.cgroupPath = cgroupPath
        result.unit = unit
        if let namespace, let pod, let container {
            result.kubernetes = KubernetesNames(
                namespace: namespace, pod: pod, container: container)
        }
        result.labels["com.docker.compose.project"] = composeProject
        result.labels["com.docker.compose.service"] = composeService
        return result
    }

    /// The state, with the exit code of a container that ended.
    var stateText: String { exitCode.map { "\(state) (\($0))" } ?? state }
}

/// How rows are ordered; the largest first, but for names and headroom.
enum StatsOrder: String, ExpressibleByArgument, CaseIterable {
    case name, cpu, memory, pids, headroom

    func precedes(_ a: StatsRow, _ b: StatsRow) -> Bool {
        func key(_ row: StatsRow) -> Double {
            switch self {
            case .name: 0
            case .cpu: -(row.cpuCores ?? -1)
            case .memory: -Double(row.memoryWorkingSetBytes ?? row.memoryUsageBytes ?? -1)
            case .pids: -Double(row.pids ?? -1)
            case .headroom: row.headroomRatio ?? 2
            }
        }
        return (key(a), a.name, a.id) < (key(b), b.name, b.id)
    }
}
