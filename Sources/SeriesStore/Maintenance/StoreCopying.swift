// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

extension StoreMaintenance {
    /// Copies the store in `directory` to the new or empty directory `destination`, as of one
    /// instant and while the agent goes on.
    public static func backup(directory: String, to destination: String) throws -> StoreCopy {
        let source = try open(path(directory))
        guard Files.names(in: destination).isEmpty else {
            throw StoreError.destination(
                path: destination, reason: "it is not empty; give a new directory")
        }
        do { try Files.makeDirectories(destination) } catch {
            throw StoreError.destination(path: destination, reason: "\(error)")
        }
        let file = path(destination)
        do {
            try source.copy(to: file)
            try Files.sync(file)
            try Files.sync(destination)
        } catch {
            Files.remove(file)
            throw StoreError.destination(path: file, reason: "\(error)")
        }
        return StoreCopy(files: [databaseName], bytes: Files.size(file))
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
        do {
            try Files.rename(incoming, to: path)
            try Files.sync(directory)
        } catch { throw StoreError.destination(path: path, reason: "\(error)") }
        return copy
    }
}
