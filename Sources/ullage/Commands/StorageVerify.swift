// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SeriesStore

/// `ullage storage verify`: reads every byte of the store and says what is damaged.
struct StorageVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read the whole series store and report damage.",
        discussion: """
            Checks the database's structure, each segment's checksum and values, and each frame of \
            the journals. Only reads; works beside a running agent. Exits with 1 when something is \
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
            if output == .json {
                Terminal.writeJSON(try JSONOutput.document(StorageVerifyRecord(report)))
            } else {
                for damage in report.damage {
                    Terminal.write("damaged: \(Terminal.safe(damage.description, limit: 1000))\n")
                }
                Terminal.write(
                    "\(report.samples) samples read, in \(report.segments) segments and "
                        + "\(report.journalFrames) journal frames\n")
            }
            guard report.isSound else {
                throw Failure(
                    .no,
                    "\(report.damage.count) places are damaged: `ullage storage repair` sets them "
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
    var damage: [Damage]

    init(_ report: StoreVerification) {
        sound = report.isSound
        segments = report.segments
        samples = report.samples
        journalFrames = report.journalFrames
        damage = report.damage.map { Damage(place: $0.place, reason: $0.reason) }
    }
}
