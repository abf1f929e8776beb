// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SeriesStore

/// `ullage storage restore`: puts a backup in the store's place.
struct StorageRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Put a backup in the place of the series store.",
        discussion: """
            The backup is verified first and refused when it is damaged. What was there before is \
            kept beside it under another name. Refused while an agent runs with this data directory.
            """)

    @OptionGroup var data: DataDirectoryOptions

    @Argument(help: "The directory that `ullage storage backup` made.")
    var backup: String

    func run() async throws {
        try await reportingFailures {
            // Before the rights of the store's owner are taken, who need not see the backup.
            let source = DataDirectoryOptions.absolute(backup)
            let copy = try StoreAccess.exclusively(data.directory, making: true) {
                try StoreMaintenance.restore(backup: source, directory: $0)
            }
            Terminal.write(
                "\(Quantity.bytes(copy.bytes)) in \(copy.files.count) files restored\n")
            for path in copy.keptAs {
                Terminal.write("what was there is kept as \(Terminal.safe(path))\n")
            }
        }
    }
}
