// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `ullage storage`: what concerns the series store as a whole.
struct StorageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Import and export stored series.",
        discussion: """
            These commands open the store themselves: no agent may be running with this --data-dir.
            """,
        subcommands: [StorageImport.self, StorageExport.self])
}
