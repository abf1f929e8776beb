// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import SystemPackage

extension StoreMaintenance {
    /// Copies the store in `directory` to the new or empty directory `destination`, as of one
    /// instant and while the agent goes on. As root, the copy gets the owner of the store, who has
    /// to read it when it is restored.
    public static func backup(directory: String, to destination: String) throws -> StoreCopy {
        let source = try open(path(directory))
        guard Files.names(in: destination).isEmpty else {
            throw StoreError.destination(
                path: destination, reason: "it is not empty; give a new directory")
        }
        do { try Files.makeDirectories(destination) } catch {
            throw StoreError.destination(path: destination, reason: "\(error)")
        }
        var copy = StoreCopy()
        let file = path(destination)
        do {
            // Journals first: what is sealed in between is then copied twice, never missed.
            try copyJournals(from: directory, to: destination, &copy)
            try source.copy(to: file)
            try Files.sync(file)
            for name in [databaseName] + copy.files {
                Files.copyOwner(of: path(directory), to: destination + "/" + name)
            }
            try Files.sync(destination)
        } catch {
            for name in copy.files + [databaseName] { Files.remove(destination + "/" + name) }
            throw StoreError.destination(path: destination, reason: "\(error)")
        }
        copy.files.append(databaseName)
        copy.bytes += Files.size(file)
        return copy
    }

    private static func copyJournals(
        from directory: String, to destination: String, _ copy: inout StoreCopy
    ) throws {
        for prefix in [JournalFile.prefix, ReceivedJournal.prefix] {
            for number in JournalFile.numbers(in: directory, prefix: prefix) {
                let target = JournalFile.path(destination, number, prefix: prefix)
                let source = JournalFile.path(directory, number, prefix: prefix)
                do { try Files.copy(source, to: target) } catch {
                    if error == .noSuchFileOrDirectory { continue }
                    Files.remove(target)
                    throw error
                }
                copy.files.append("\(prefix)\(number)")
                copy.bytes += Files.size(target)
            }
        }
    }

    /// Puts the backup in `backup` in the place of the store in `directory`; what was there is
    /// kept as `metrics.db.replaced-<time>`. The backup is verified first, and refused when it is
    /// damaged. Throws `StoreError.inUse` while an agent has the store open.
    public static func restore(backup: String, directory: String) throws -> StoreCopy {
        let found = try verify(directory: backup)
        if let first = found.damage.first {
            throw StoreError.destination(
                path: backup,
                reason: "the backup is damaged (\(first)); repair it first, or take another")
        }
        do { try Files.makeDirectories(directory) } catch {
            throw StoreError.destination(path: directory, reason: "\(error)")
        }
        let path = path(directory)
        if Files.exists(path) {
            let present = try Database(path: path)
            try present.lockExclusively(path)
        }
        let incoming = path + ".incoming"
        Files.remove(incoming)
        do {
            try open(self.path(backup)).copy(to: incoming)
            try Files.sync(incoming)
        } catch {
            Files.remove(incoming)
            throw StoreError.destination(path: incoming, reason: "\(error)")
        }
        var copy = StoreCopy(files: [databaseName], bytes: Files.size(incoming))
        if Files.exists(path) { copy.keptAs = [try Files.setAside(path, as: "replaced")] }
        for prefix in [JournalFile.prefix, ReceivedJournal.prefix] {
            for number in JournalFile.numbers(in: directory, prefix: prefix) {
                let journal = JournalFile.path(directory, number, prefix: prefix)
                copy.keptAs.append(try Files.setAside(journal, as: "replaced"))
            }
        }
        do {
            try Files.rename(incoming, to: path)
            try copyJournals(from: backup, to: directory, &copy)
            try Files.sync(directory)
        } catch { throw StoreError.destination(path: path, reason: "\(error)") }
        return copy
    }
}
