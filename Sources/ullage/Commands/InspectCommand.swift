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

    @OptionGroup var data: DataDirectoryOptions

    @Argument(help: "Names, ids or the beginnings of ids.")
    var containers: [String]

    func run() async throws {
        try await reportingFailures {
            let runtime = data.runtime()
            let found: [Container]
            do { found = try containers.map { try runtime.find($0) } } catch let error
                as RuntimeError
            {
                throw Failure(.no, "\(error)")
            }
            guard output == .table else {
                return Terminal.write(try JSONOutput.document(found.map(ContainerRecord.init)))
            }
            for container in found { Terminal.write(table(container).rendered() + "\n") }
        }
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
            ("log", record.logPath),
        ]
        for (name, value) in rows { table.append([name, value ?? Quantity.unknown]) }
        for (key, value) in record.labels.sorted(by: { $0.key < $1.key }) {
            table.append(["label \(key)", value])
        }
        return table
    }
}
