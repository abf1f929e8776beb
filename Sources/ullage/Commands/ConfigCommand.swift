// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Config

/// `ullage config`: looks at configuration files without an agent.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check or print configuration.",
        subcommands: [Check.self, Default.self])

    /// `ullage config check`: says everything that is wrong with a file.
    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Check a configuration file.")

        @Flag(help: "Show what the first log pipeline makes of lines read from stdin.")
        var explain = false

        @Argument(help: "The file.")
        var file = "/etc/ullage/ullage.yaml"

        func run() async throws {
            try await reportingFailures {
                if explain { return try PipelineExplanation(config: file).run(container: nil) }
                do {
                    let loaded = try Configuration.load(path: file)
                    try LogMetering.check(loaded.configuration)
                    for note in loaded.notes { Terminal.writeError("note: \(note)\n") }
                    Terminal.write("\(Terminal.safe(file)): ok\n")
                } catch let error as ConfigError {
                    throw Failure(.badData, "the configuration is not usable\n\(error)")
                } catch let error as AgentError {
                    throw Failure(.badData, "the configuration is not usable\n\(error)")
                }
            }
        }
    }

    /// `ullage config default`: the defaults, each key with its comment.
    struct Default: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "default", abstract: "Print the default configuration, documented.")

        func run() { Terminal.write(Configuration.documented()) }
    }
}
