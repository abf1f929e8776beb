// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import LogStore
import SeriesStore

/// `ullage storage verify`: reads every byte of the store and says what is damaged.
struct StorageVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read all stored series and logs and report damage.",
        discussion: """
            Checks the database's structure, each segment's checksum and values, each frame of the \
            journals, and each block of the logs. Only reads; works beside a running agent. Exits with 1 when something is \
            damaged.
            """)

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var place: StoreOptions

    func run() async throws {
        try await reportingFailures {
            let report = try StoreAccess.read(place.directory) {
                try StoreMaintenance.verify(directory: $0)
            }
            let logs =
                place.store == nil
                ? try LogMaintenance.verify(directory: place.data.directory.logs)
                : LogVerification()
            if output == .json {
                Terminal.writeJSON(try JSONOutput.document(StorageVerifyRecord(report, logs)))
            } else {
                for damage in report.damage.map(\.description) + logs.damage.map(\.description) {
                    Terminal.write("damaged: \(Terminal.safe(damage, limit: 1000))\n")
                }
                Terminal.write(
                    "\(report.samples) samples read, in \(report.segments) segments and "
                        + "\(report.journalFrames) journal frames\n"
                        + "\(logs.entries) log entries read, in \(logs.blocks) blocks of "
                        + "\(logs.segments) segments of \(logs.logs) logs\n")
            }
            guard report.isSound, logs.isSound else {
                throw Failure(
                    .no,
                    "\(report.damage.count + logs.damage.count) places are damaged: `ullage storage repair` sets them "
                        + "aside, with the agent stopped")
            }
        }
    }
}

/// What `storage verify -o json` prints.
struct StorageVerifyRecord: Encodable {
    struct Damage: Encodable {
        var place: String
        var reason: String
    }

    var sound: Bool
    var segments: Int
    var samples: Int
    var journalFrames: Int
    var logs: Int
    var logSegments: Int
    var logBlocks: Int
    var logEntries: Int
    var damage: [Damage]

    init(_ report: StoreVerification, _ stored: LogVerification) {
        sound = report.isSound && stored.isSound
        logs = stored.logs
        logSegments = stored.segments
        logBlocks = stored.blocks
        logEntries = stored.entries
        segments = report.segments
        samples = report.samples
        journalFrames = report.journalFrames
        damage =
            report.damage.map { Damage(place: $0.place, reason: $0.reason) }
            + stored.damage.map { Damage(place: $0.place, reason: $0.reason) }
    }
}
