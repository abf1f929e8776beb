// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Config
import Glibc
import Linux

/// `ullage agent`: the agent itself, in the foreground.
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Run the agent in the foreground.",
        discussion: """
            Options given here win over the configuration file. SIGHUP reads the file again; when \
            it has errors they are logged and the configuration in use stays. SIGINT and SIGTERM \
            end the agent; containers go on.
            """)

    @Option(
        name: [.short, .long], help: "A configuration file; /etc/ullage/ullage.yaml if it exists.")
    var config: String?

    @Option(help: "Where containers and samples are kept.")
    var dataDir: String?

    @Option(help: "ADDRESS:PORT to serve on; port 0 takes a free one.")
    var listen: String?

    func run() async throws {
        Allocator.giveBackEarly()
        try await reportingFailures {
            let source = ConfigurationSource(
                file: config ?? Self.standardFile(),
                dataDirectory: (dataDir ?? environmentDirectory())
                    .map { DataDirectoryOptions.absolute($0) },
                listen: listen)
            do {
                try await Agent(source: source).run()
            } catch let error as ConfigError {
                throw Failure(.configuration, "the configuration is not usable\n\(error)")
            } catch let error as AgentError {
                throw Failure(.unavailable, "\(error)")
            }
        }
    }

    private func environmentDirectory() -> String? {
        getenv("ULLAGE_DATA_DIR").map { String(cString: $0) }
    }

    /// Where the configuration file of a host is.
    static let standardPath = "/etc/ullage/ullage.yaml"

    /// The configuration file of a host, if it has one.
    static func standardFile() -> String? {
        access(standardPath, F_OK) == 0 ? standardPath : nil
    }
}
