// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SeriesStore

/// `ullage storage repair`: sets aside what is damaged, so that the rest is whole.
struct StorageRepair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Set aside the damaged parts of the series store.",
        discussion: """
            Nothing is deleted: damaged segments are kept in the database's table `quarantine`, \
            damaged journals and a database that had to be written anew under other names beside it. \
            Refused while an agent runs with this data directory.
            """)

    @OptionGroup var data: DataDirectoryOptions

    func run() async throws {
        try await reportingFailures {
            let report = try StoreAccess.exclusively(data.directory, making: false) {
                try StoreMaintenance.repair(directory: $0)
            }
            for damage in report.quarantined {
                Terminal.write("set aside: \(Terminal.safe(damage.description, limit: 1000))\n")
            }
            for path in report.journals { Terminal.write("kept as \(Terminal.safe(path))\n") }
            if let kept = report.keptAs {
                Terminal.write(
                    "the database was written anew; the old one is kept as \(Terminal.safe(kept))\n"
                )
            }
            guard report.isNeeded else { return Terminal.write("nothing was damaged\n") }
            Terminal.write(
                "\(report.rescuedSegments) segments are whole, \(report.lostSamples) samples lost\n"
            )
        }
    }
}
