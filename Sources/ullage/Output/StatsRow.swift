// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

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
    var ioReadBytes: Int64?
    var ioWrittenBytes: Int64?
    var networkReceivedBytes: Int64?
    var networkTransmittedBytes: Int64?
    var throttledSeconds: Double?
    // Only when the whole record was asked for.
    var labels: [String: String]?
    var command: [String]?
    var generation: Int?
    var pid: Int32?
    var finishedAtMs: Double?
    var limitMemoryBytes: Int64?
    var limitCpus: Double?
    var limitPids: Int64?
    var oomKilled: Bool?
    var logPath: String?
    var mounts: [Mount]?

    struct Mount: Codable {
        var kind: String
        var source: String
        var destination: String
        var mode: String
    }

    static let filterKeys = [
        "engine", "name", "id", "image", "status", "health", "label", "pod", "namespace", "project",
        "network", "unit",
    ]
    /// Filters in words, for the help of commands.
    static let filterHelp: ArgumentHelp = """
        Show only engine=E, name=N, id=I, image=I, status=S, health=H, label=K or label=K=V, pod=P, \
        namespace=N, project=P, network=N or unit=U. Repeatable: all must be satisfied.
        """

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
        result.labels = labels ?? [:]
        result.labels["com.docker.compose.project"] = composeProject
        result.labels["com.docker.compose.service"] = composeService
        addDetails(to: &result)
        return result
    }

    private func addDetails(to container: inout Container) {
        container.command = command ?? []
        container.generation = generation ?? 0
        container.initPID = pid
        container.finishedAt = finishedAtMs.flatMap { Milliseconds(exactly: $0.rounded()) }
        container.limits = Container.Limits(
            memory: limitMemoryBytes, cpus: limitCpus, pids: limitPids)
        container.oomKilled = oomKilled ?? false
        container.restartCount = restartCount.flatMap { Int(exactly: $0) }
        container.health = health.flatMap(ContainerHealth.init(rawValue:))
        container.networks = networks ?? []
        container.ports = (ports ?? []).compactMap(PortMapping.init(text:))
        container.mounts = (mounts ?? []).map {
            ContainerMount(
                kind: $0.kind, source: $0.source, destination: $0.destination,
                isReadOnly: $0.mode == "ro")
        }
        if let logPath { container.logSource = .jsonFile(path: logPath) }
    }

    /// The state, with the exit code of a container that ended.
    var stateText: String { exitCode.map { "\(state) (\($0))" } ?? state }
}

extension PortMapping {
    /// Reads `ADDRESS:PORT->PORT/TRANSPORT`.
    init?(text: String) {
        guard let arrow = text.firstRange(of: "->") else { return nil }
        let outer = text[..<arrow.lowerBound]
        let inner = text[arrow.upperBound...].split(separator: "/")
        guard let colon = outer.lastIndex(of: ":"),
            let hostPort = Int(outer[outer.index(after: colon)...]), inner.count == 2,
            let containerPort = Int(inner[0])
        else { return nil }
        self.init(
            hostAddress: String(outer[..<colon]), hostPort: hostPort, containerPort: containerPort,
            transport: String(inner[1]))
    }

    /// As `ps` and `inspect` show it.
    var text: String { "\(hostAddress):\(hostPort)->\(containerPort)/\(transport)" }
}
