// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `ullage networks`: how each running container is connected.
struct NetworksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "networks",
        abstract: "Show how containers are connected, and whether published ports are listened on.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let rows = try await host.client().data("/api/v1/networks", as: [Row].self).data ?? []
            if output == .json { return Terminal.write(try JSONOutput.lines(rows)) }
            var table = Table([
                .left("CONTAINER"), .left("MODE"), .left("NETWORKS"), .left("ADDRESSES"),
                .left("INTERFACES"), .left("HOST SIDE"), .left("PORTS"),
            ])
            for row in rows {
                let ports = row.ports.map { port in
                    let state =
                        port.listening.map { $0 ? "" : " (nothing listens)" } ?? " (not known)"
                    return port.mapping + state
                }
                table.append([
                    row.name, row.mode, row.networks.joined(separator: ", "),
                    row.addresses.joined(separator: ", "),
                    row.interfaces.joined(separator: ", "),
                    row.hostInterfaces.joined(separator: ", "), ports.joined(separator: ", "),
                ])
            }
            Terminal.write(table.rendered())
        }
    }

    private struct Row: Codable {
        struct Port: Codable {
            var mapping: String
            var listening: Bool?
        }
        var name: String
        var id: String
        var engine: String
        var mode: String
        var networks: [String]
        var addresses: [String]
        var interfaces: [String]
        var hostInterfaces: [String]
        var ports: [Port]
    }
}

/// `ullage volumes`: volumes and bind mounts, who has them, and which are left over.
struct VolumesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volumes",
        abstract: "Show volumes and bind mounts, their sizes and users, and which are left over.")

    @Flag(help: "Show those without users only.")
    var orphans = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let all = try await host.client().data("/api/v1/volumes", as: [Row].self).data ?? []
            let rows = all.filter { !orphans || $0.users.isEmpty }
            if output == .json { return Terminal.write(try JSONOutput.lines(rows)) }
            var table = Table([
                .left("VOLUME"), .left("KIND"), .right("SIZE"), .left("USERS"),
            ])
            for row in rows {
                let size = Quantity.bytes(row.bytes) + (row.complete ? "" : " or more")
                let users = row.users.isEmpty ? "(none)" : row.users.joined(separator: ", ")
                table.append([row.source, row.kind, size, users])
            }
            Terminal.write(table.rendered())
        }
    }

    private struct Row: Codable {
        var kind: String
        var source: String
        var bytes: Int64?
        var complete: Bool
        var users: [String]
    }
}

/// `ullage images`: images, what they share, and which are left over.
struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images",
        abstract: "Show images, what removing them would free, and who runs them.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let rows = try await host.client().data("/api/v1/images", as: [Row].self).data ?? []
            if output == .json { return Terminal.write(try JSONOutput.lines(rows)) }
            var table = Table([
                .left("IMAGE"), .left("ID"), .left("REGISTRY"), .right("SIZE"), .right("UNIQUE"),
                .right("LAYERS"), .left("USERS"),
            ])
            for row in rows {
                let unique = row.bytes.map { $0 - (row.sharedBytes ?? 0) }
                table.append([
                    row.names.first ?? "(none)", String(row.id.prefix(12)), row.registry,
                    Quantity.bytes(row.bytes), Quantity.bytes(unique),
                    row.layers.map { "\($0)" } ?? Quantity.unknown,
                    row.users.isEmpty ? "(none)" : row.users.joined(separator: ", "),
                ])
            }
            Terminal.write(table.rendered())
        }
    }

    private struct Row: Codable {
        var id: String
        var registry: String
        var names: [String]
        var users: [String]
        var bytes: Int64?
        var sharedBytes: Int64?
        var layers: Int?
    }
}

/// `ullage sd`: running containers as targets for Prometheus.
struct TargetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sd",
        abstract: "Print running containers as targets, in the format of http_sd and file_sd.")

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let response = try await host.client().get("/api/v1/sd")
            guard response.status == 200 else {
                throw Failure(.badData, "the agent answered with HTTP \(response.status)")
            }
            Terminal.writeJSON(response.body + [0x0a])
        }
    }
}
