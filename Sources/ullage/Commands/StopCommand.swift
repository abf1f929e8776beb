// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Runtime

/// `ullage stop`: asks containers to end, then makes them.
struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop running containers (needs root).")

    @Option(name: [.short, .long], help: "Seconds to wait before killing.")
    var time = 10.0

    @OptionGroup var data: DataDirectoryOptions

    @Argument(help: "Names, ids or the beginnings of ids.")
    var containers: [String]

    func run() async throws {
        try await reportingFailures {
            let runtime = data.runtime()
            try forEach(containers) { name in
                try runtime.stop(runtime.find(name), timeout: time)
            }
        }
    }
}

/// `ullage rm`: removes containers and all they left.
struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove containers (needs root).")

    @Flag(name: [.short, .long], help: "Kill those that still run.")
    var force = false

    @OptionGroup var data: DataDirectoryOptions

    @Argument(help: "Names, ids or the beginnings of ids.")
    var containers: [String]

    func run() async throws {
        try await reportingFailures {
            let runtime = data.runtime()
            try forEach(containers) { name in
                try runtime.remove(runtime.find(name), force: force)
            }
        }
    }
}

/// Does `body` for each name and prints it; goes on after a failure and reports the last.
private func forEach(_ names: [String], _ body: (String) throws -> Void) throws {
    var failure: Failure?
    for name in names {
        do {
            try body(name)
            Terminal.write(name + "\n")
        } catch let error as RuntimeError {
            if let failure { Terminal.writeError("ullage: \(failure)\n") }
            failure = Failure(error.kind == .permission ? .permission : .no, "\(error)")
        }
    }
    if let failure { throw failure }
}
