// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model
import Runtime

/// `ullage inspect`: everything known of some containers.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show everything known of containers.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.json

    @OptionGroup var host: HostOptions

    @Argument(help: "Names, ids or the beginnings of ids.")
    var containers: [String]

    func run() async throws {
        try await reportingFailures {
            let found = try await find()
            guard output == .table else {
                return Terminal.write(try JSONOutput.document(found.map(ContainerRecord.init)))
            }
            for container in found { Terminal.write(table(container).rendered() + "\n") }
        }
    }

    /// Ullage's own containers from their directories; those of other engines are known to the
    /// agent only, which is asked when there is one to be found there.
    private func find() async throws -> [Container] {
        let runtime = host.data.runtime()
        var others: [Container]?
        var result: [Container] = []
        for reference in containers {
            var problem = "the agent has no container \(reference)"
            if host.host == nil {
                do throws(RuntimeError) {
                    result.append(try runtime.find(reference))
                    continue
                } catch { problem = "\(error)" }
            }
            // Without an agent there is nobody else who would know it.
            do { if others == nil { others = try await agentsContainers() } } catch let failure
                as Failure
            {
                throw host.host == nil ? Failure(.no, problem) : failure
            }
            let known = others ?? []
            let exact = known.filter { $0.name == reference || $0.id == reference }
            let matches = exact.isEmpty ? known.filter { $0.id.hasPrefix(reference) } : exact
            guard let match = matches.first(where: { $0.state == .running }) ?? matches.first,
                matches.count == 1 || !exact.isEmpty
            else { throw Failure(.no, Terminal.safe(problem, limit: 1000)) }
            result.append(match)
        }
        return result
    }

    private func agentsContainers() async throws -> [Container] {
        let rows = try await host.client().data(
            "/api/v1/containers", query: [("full", "1")], as: [StatsRow].self
        ).data
        return (rows ?? []).compactMap(\.asContainer)
    }

    private func table(_ container: Container) -> Table {
        let record = ContainerRecord(container)
        var table = Table([.left("FIELD"), .left("VALUE")])
        let rows: [(String, String?)] = [
            ("name", record.name), ("id", record.id), ("engine", record.engine),
            ("state", record.state), ("image", record.image),
            ("command", record.command.joined(separator: " ")),
            ("pid", record.pid.map { "\($0)" }), ("exit code", record.exitCode.map { "\($0)" }),
            ("out of memory", record.oomKilled ? "yes" : "no"), ("created", record.createdAt),
            ("started", record.startedAt), ("finished", record.finishedAt),
            ("memory limit", record.limits.memoryBytes.map { Quantity.bytes($0) }),
            ("cpus", record.limits.cpus.map { "\($0)" }),
            ("pids limit", record.limits.pids.map { "\($0)" }), ("cgroup", record.cgroupPath),
            ("log", record.logPath), ("health", record.health),
            ("restarts", record.restartCount.map { "\($0)" }), ("unit", record.unit),
            (
                "pod",
                record.kubernetes.map { "\($0.namespace)/\($0.pod)/\($0.container)" }
            ),
            ("networks", record.networks.joined(separator: ", ")),
            ("ports", record.ports.joined(separator: ", ")),
            ("cpu total", record.totals?.cpuSeconds.map { Quantity.decimal($0, 3) + " s" }),
            ("memory peak", record.totals?.memoryPeakBytes.map { Quantity.bytes($0) }),
        ]
        for (name, value) in rows {
            table.append([name, value.flatMap { $0.isEmpty ? nil : $0 } ?? Quantity.unknown])
        }
        for mount in record.mounts {
            table.append([
                "mount \(mount.destination)", "\(mount.kind) \(mount.source) \(mount.mode)",
            ])
        }
        for (key, value) in record.labels.sorted(by: { $0.key < $1.key }) {
            table.append(["label \(key)", value])
        }
        return table
    }
}
