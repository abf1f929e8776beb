// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials

/// `ullage ship`: what is sent to other engines.
struct ShipCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ship", abstract: "Look after the sinks that samples and logs are sent to.",
        subcommands: [ShipStatus.self, ShipTest.self, ShipFlush.self, ShipReplay.self],
        defaultSubcommand: ShipStatus.self)
}

/// `ullage ship status`: how the sinks are doing.
struct ShipStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how far each sink is, and what keeps it.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let sinks: [SinkRecord] =
                try await host.client().data("/api/v1/ship/status").data ?? []
            if output == .json {
                Terminal.write(try JSONOutput.lines(sinks))
                return
            }
            guard !sinks.isEmpty else {
                Terminal.writeError(
                    "no sinks: add some under `ship:` in the configuration (docs/shipping.md)\n")
                return
            }
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            var table = Table([
                .left("SINK"), .left("TYPE"), .left("STATE"), .right("LAG"), .right("WAITING"),
                .right("SENT"), .right("BYTES"), .right("REFUSED"), .left("TARGET"),
            ])
            for sink in sinks {
                table.append([
                    sink.name, sink.type, sink.state(now),
                    Quantity.duration(sink.oldest.map { Double(max(0, now - $0)) / 1000 } ?? 0),
                    Quantity.bytes(sink.lagBytes), "\(sink.records)", Quantity.bytes(sink.bytes),
                    "\(sink.refused)", sink.target,
                ])
            }
            Terminal.write(table.rendered())
            for sink in sinks {
                guard let error = sink.lastError, let at = sink.lastErrorAt else { continue }
                let ago = Quantity.duration(Double(max(0, now - at)) / 1000)
                Terminal.write(
                    "\(Terminal.safe(sink.name)): \(ago) ago: \(Terminal.safe(error, limit: 600))\n"
                )
            }
        }
    }
}

/// One sink as the agent describes it.
struct SinkRecord: Codable {
    var name: String
    var type: String
    var target: String
    var activity: String
    var cursor: String
    var lagRecords: Int64
    var lagBytes: Int64
    var records: Int64
    var rawBytes: Int64
    var bytes: Int64
    var refused: Int64
    var skipped: Int64
    var gaps: Int64
    var oldest: Int64?
    var lastErrorAt: Int64?
    var lastSuccessAt: Int64?
    var retryAt: Int64?
    var attempts: [String: Int64]
    var lastError: String?

    func state(_ now: Int64) -> String {
        guard activity == "waiting", let retryAt else { return activity }
        return "retry in " + Quantity.duration(Double(max(0, retryAt - now)) / 1000)
    }
}
