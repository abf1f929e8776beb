// SPDX-License-Identifier: Apache-2.0

/// Bytes of the files in a store's directory, all of them.
struct DiskUsage: Sendable {
    /// The database.
    var database: Int64 = 0
    /// SQLite's write-ahead log.
    var wal: Int64 = 0
    /// The index of the write-ahead log, which connections share.
    var sharedMemory: Int64 = 0
    /// Samples that are not sealed yet.
    var journals: Int64 = 0
    /// Whatever else there is: files that were set aside, unfinished copies.
    var others: Int64 = 0

    /// Everything.
    var total: Int64 { database + wal + sharedMemory + journals + others }
    /// Everything but the journals.
    var withoutJournals: Int64 { total - journals }

    /// Measures the files of `directory`; one that vanishes meanwhile is not counted.
    init(of directory: String) {
        for name in Files.names(in: directory) {
            let bytes = Files.size(directory + "/" + name)
            switch name {
            case StoreMaintenance.databaseName: database += bytes
            case StoreMaintenance.databaseName + "-wal": wal += bytes
            case StoreMaintenance.databaseName + "-shm": sharedMemory += bytes
            default:
                if JournalFile.number(of: name) != nil
                    || JournalFile.number(of: name, prefix: ReceivedJournal.prefix) != nil
                {
                    journals += bytes
                } else {
                    others += bytes
                }
            }
        }
    }
}
