// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Config
import Linux
import Logs
import Outputs

/// `ullage ship flush`: sends at once what waits.
struct ShipFlush: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flush", abstract: "Have sinks send at once what waits for them.")

    @Argument(help: "The sinks; all when none is given.")
    var sinks: [String] = []

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            try await ShipRequests.post("flush", sinks, [], host)
        }
    }
}

/// `ullage ship replay`: sends again.
struct ShipReplay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Have sinks send everything since a time again.",
        discussion: "For a sink that has lost what it took. What it still has comes twice.")

    @Option(help: "A time such as 2026-11-24T12:00:00Z, or how long ago, such as 2h.")
    var since: String

    @Argument(help: "The sinks; all when none is given.")
    var sinks: [String] = []

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let time: Int64
            do throws(TimeExpression.Failure) {
                time = try TimeExpression.parse(since, now: Clock.realtimeNanoseconds())
            } catch { throw Failure(.usage, "\(error)") }
            let seconds = "\(Double(time) / 1e9)"
            try await ShipRequests.post("replay", sinks, [("since", seconds)], host)
        }
    }
}

/// `ullage ship test`: tries the sinks of a file.
struct ShipTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Send one test record to each sink of a configuration.",
        discussion: """
            Needs no agent. A metric `ullage_ship_test`, or a log line that says it is a test.
            """)

    @Option(help: "The configuration.")
    var config = "/etc/ullage/ullage.yaml"

    @Argument(help: "The sinks; all when none is given.")
    var sinks: [String] = []

    func run() async throws {
        try await reportingFailures {
            let all: [SinkOptions]
            do { all = try Configuration.load(path: config).configuration.ship } catch {
                throw Failure(.configuration, "the configuration is not usable\n\(error)")
            }
            for name in sinks where !all.contains(where: { $0.name == name }) {
                throw Failure(.no, "\(config) has no sink `\(Terminal.safe(name))`")
            }
            guard !all.isEmpty else { throw Failure(.no, "\(config) has no sinks") }
            var failed = 0
            for sink in all where sinks.isEmpty || sinks.contains(sink.name) {
                let outcome: String
                do {
                    let verdict = try ShipProbe.send(sink)
                    outcome = verdict.reason ?? "ok"
                    if verdict != .accepted { failed += 1 }
                } catch {
                    outcome = "\(error)"
                    failed += 1
                }
                Terminal.write(
                    "\(sink.name): \(sink.destination.shown): \(Terminal.safe(outcome, limit: 600))\n"
                )
            }
            if failed > 0 { throw Failure(.no, "\(failed) of the sinks did not take the test") }
        }
    }
}

/// Requests to the agent's sinks.
enum ShipRequests {
    static func post(
        _ what: String, _ sinks: [String], _ parameters: [(String, String)], _ host: HostOptions
    ) async throws {
        let query = sinks.map { ("sink", $0) } + parameters
        let asked: [String] =
            try await host.client().change(
                "POST", "/api/v1/ship/" + what, query: query, as: Envelope<[String]>.self
            ).data ?? []
        guard !asked.isEmpty else { throw Failure(.no, "the agent has no sinks") }
        for name in asked { Terminal.write("\(Terminal.safe(name)): \(what)\n") }
    }
}
