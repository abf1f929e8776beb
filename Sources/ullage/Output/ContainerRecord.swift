// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Model

/// A container as `ps -o json` and `inspect` print it: base units, times in RFC 3339.
struct ContainerRecord: Encodable {
    struct Limits: Encodable {
        var memoryBytes: Int64?
        var cpus: Double?
        var pids: Int64?
    }

    var id: String
    var name: String
    var engine: String
    var image: String
    var state: String
    var command: [String]
    var labels: [String: String]
    var generation: Int
    var pid: Int32?
    var exitCode: Int32?
    var oomKilled: Bool
    var createdAt: String
    var startedAt: String?
    var finishedAt: String?
    var cgroupPath: String?
    var logPath: String?
    var limits: Limits
    var health: String?
    var restartCount: Int?
    var unit: String?
    var kubernetes: Kubernetes?
    var networks: [String]
    var ports: [String]
    var mounts: [StatsRow.Mount]
    var totals: Totals?

    struct Kubernetes: Encodable {
        var namespace: String
        var pod: String
        var container: String
    }

    /// What it used in the life that ended last.
    struct Totals: Encodable {
        var cpuSeconds: Double?
        var memoryPeakBytes: Int64?
        var readBytes: Int64?
        var writtenBytes: Int64?
    }

    init(_ container: Container) {
        id = container.id
        name = container.name
        engine = container.engine.rawValue
        image = container.image
        state = container.state.rawValue
        command = container.command
        labels = container.labels
        generation = container.generation
        pid = container.initPID
        exitCode = container.exitCode
        oomKilled = container.oomKilled
        createdAt = Self.rfc3339(container.createdAt)
        startedAt = container.startedAt.map(Self.rfc3339)
        finishedAt = container.finishedAt.map(Self.rfc3339)
        cgroupPath = container.cgroupPath
        switch container.logSource {
        case .none, .journal: break
        case .jsonFile(let path), .cri(let path), .local(let path): logPath = path
        }
        limits = Limits(
            memoryBytes: container.limits.memory, cpus: container.limits.cpus,
            pids: container.limits.pids)
        health = container.health?.rawValue
        restartCount = container.restartCount
        unit = container.unit
        kubernetes = container.kubernetes.map {
            Kubernetes(namespace: $0.namespace, pod: $0.pod, container: $0.container)
        }
        networks = container.networks
        ports = container.ports.map(\.text)
        mounts = container.mounts.map {
            StatsRow.Mount(
                kind: $0.kind, source: $0.source, destination: $0.destination,
                mode: $0.isReadOnly ? "ro" : "rw")
        }
        totals = container.totals.map {
            Totals(
                cpuSeconds: $0.cpuSeconds, memoryPeakBytes: $0.memoryPeak, readBytes: $0.readBytes,
                writtenBytes: $0.writtenBytes)
        }
    }

    /// A time in UTC with milliseconds.
    static func rfc3339(_ time: Milliseconds) -> String {
        Date(timeIntervalSince1970: Double(time) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}

/// JSON as commands print it: keys in snake case and in order.
enum JSONOutput {
    private static func encoder(pretty: Bool) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return encoder
    }

    /// One object a line.
    static func lines(_ values: [some Encodable]) throws -> [UInt8] {
        let encoder = encoder(pretty: false)
        return try values.flatMap { try encoder.encode($0) + [UInt8(ascii: "\n")] }
    }

    /// An indented document.
    static func document(_ value: some Encodable) throws -> [UInt8] {
        try Array(encoder(pretty: true).encode(value)) + [UInt8(ascii: "\n")]
    }
}
