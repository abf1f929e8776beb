// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import LogStore
import SeriesStore

/// `ullage storage repair`: sets aside what is damaged, so that the rest is whole.
struct StorageRepair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Set aside the damaged parts of stored series and logs.",
        discussion: """
            Nothing is deleted: damaged segments are kept in the database's table `quarantine`, \
            damaged journals and a database that had to be written anew under other names beside it, \
            damaged files of logs with `.damaged` behind their names. \
            Refused while an agent runs with this data directory.
            """)

    @OptionGroup var data: DataDirectoryOptions

    func run() async throws {
        try await reportingFailures {
            let logDirectory = data.directory.logs
            let (report, logs) = try StoreAccess.exclusively(data.directory, making: false) {
                (
                    try StoreMaintenance.repair(directory: $0),
                    try LogMaintenance.repair(directory: logDirectory)
                )
            }
            for damage in logs.damage {
                Terminal.write("damaged: \(Terminal.safe(damage.description, limit: 1000))\n")
            }
            for path in logs.kept { Terminal.write("kept as \(Terminal.safe(path))\n") }
            for damage in report.quarantined {
                Terminal.write("set aside: \(Terminal.safe(damage.description, limit: 1000))\n")
            }
            for path in report.journals { Terminal.write("kept as \(Terminal.safe(path))\n") }
            if let kept = report.keptAs {
                Terminal.write(
                    "the database was written anew; the old one is kept as \(Terminal.safe(kept))\n"
                )
            }
            if logs.isNeeded { Terminal.write("\(logs.lostEntries) log entries lost\n") }
            guard report.isNeeded || logs.isNeeded else {
                return Terminal.write("nothing was damaged\n")
            }
            guard report.isNeeded else { return }
            Terminal.write(
                "\(report.rescuedSegments) segments are whole, \(report.lostSamples) samples lost\n"
            )
        }
    }
}
