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
            tell, or that there is no limit or no trend. `-o wide` adds Docker's columns and \
            the share of periods in which a quota held the container back.
            """)

    @Flag(
        name: [.short, .long], help: "Show systemd units, bare cgroups and what does not run, too.")
    var all = false

    @Flag(help: "Print once and end.")
    var noStream = false

    @Option(name: [.short, .long], help: "Seconds between two tables.")
    var interval = 2.0

    @Option(name: [.short, .long], help: "table, wide, json or csv.")
    var output = StatsFormat.table

    @Option(
        help: """
            Order by name, cpu, memory, pids, headroom, full (the least first), throttled, net, io, \
            psi or log.
            """)
    var sort = StatsOrder.name

    @Option(name: [.short, .long], help: StatsRow.filterHelp)
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
            let isTable = output == .table || output == .wide
            let screen = LiveScreen(enabled: Terminal.isInteractive && !noStream && isTable)
            var isFirst = true
            repeat {
                let rows = try await fetch(client)
                switch output {
                case .json: Terminal.write(try JSONOutput.lines(rows))
                case .csv:
                    Terminal.write(StatsTable.csv(rows, withHeader: isFirst))
                case .table: screen.show(StatsTable.narrow(rows).lines())
                case .wide: screen.show(StatsTable.wide(rows).lines())
                }
                isFirst = false
                if !noStream { try await Task.sleep(for: .seconds(interval)) }
            } while !noStream
        }
    }

    private func fetch(_ client: APIClient) async throws -> [StatsRow] {
        // Labels are in the whole record only.
        let query = filter.contains { $0.hasPrefix("label=") } ? [("full", "1")] : []
        let rows =
            try await client.data("/api/v1/containers", query: query, as: [StatsRow].self).data
            ?? []
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
}

/// How `stats` is written.
enum StatsFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case wide
    case json
    case csv
}

/// How rows are ordered; the largest first, but for names and headroom.
enum StatsOrder: String, ExpressibleByArgument, CaseIterable {
    case name, cpu, memory, pids, headroom, full, throttled, net, io, psi, log

    func precedes(_ a: StatsRow, _ b: StatsRow) -> Bool {
        func key(_ row: StatsRow) -> Double {
            switch self {
            case .name: 0
            case .cpu: -(row.cpuCores ?? -1)
            case .memory: -Double(row.memoryWorkingSetBytes ?? row.memoryUsageBytes ?? -1)
            case .pids: -Double(row.pids ?? -1)
            case .headroom: row.headroomRatio ?? 2
            case .full: row.timeToFullSeconds ?? .infinity
            case .throttled: -(row.throttledRatio ?? -1)
            case .net:
                -Double((row.networkReceivedBytes ?? -1) &+ (row.networkTransmittedBytes ?? 0))
            case .io: -((row.ioReadBytesPerSecond ?? -1) + (row.ioWriteBytesPerSecond ?? 0))
            case .psi:
                -([row.cpuPressureRatio, row.memoryPressureRatio, row.ioPressureRatio]
                    .compactMap(\.self).max() ?? -1)
            case .log: -(row.logLinesPerSecond ?? -1)
            }
        }
        return (key(a), a.name, a.id) < (key(b), b.name, b.id)
    }
}
