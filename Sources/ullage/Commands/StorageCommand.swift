// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `ullage storage`: what concerns the series store as a whole.
struct StorageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage",
        abstract: "Look at the series store, check, mend and copy it; import and export.",
        discussion: """
            df, verify and backup only read and work beside a running agent. The others need the \
            store for themselves: no agent may be running with this --data-dir.
            """,
        subcommands: [
            StorageUsage.self, StorageVerify.self, StorageRepair.self, StorageBackup.self,
            StorageRestore.self, StorageImport.self, StorageExport.self,
        ])
}
