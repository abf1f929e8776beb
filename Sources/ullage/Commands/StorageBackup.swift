// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SeriesStore

/// `ullage storage backup`: a copy of the store as of one instant.
struct StorageBackup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the series store to a new directory.",
        discussion: """
            The copy is as of one instant, with all samples up to it; the agent goes on meanwhile. \
            `ullage storage verify --store DIRECTORY` checks a copy, `ullage storage restore` puts \
            it back.
            """)

    @OptionGroup var place: StoreOptions

    @Argument(help: "The directory to make; it may exist if it is empty.")
    var destination: String

    func run() async throws {
        try await reportingFailures {
            let copy = try StoreAccess.read(place.directory) {
                try StoreMaintenance.backup(
                    directory: $0, to: DataDirectoryOptions.absolute(destination))
            }
            Terminal.write(
                "\(Quantity.bytes(copy.bytes)) in \(copy.files.count) files copied to "
                    + "\(Terminal.safe(destination))\n")
        }
    }
}
