// SPDX-License-Identifier: Apache-2.0

import Agent
import Glibc
import SeriesStore

/// The series store of a data directory, opened without an agent.
enum StoreAccess {
    /// Opens the store and keeps agents away from it while `body` works.
    ///
    /// As root it works with the rights of the directory's owner, so that an agent without root
    /// finds its own files afterwards.
    static func run<T>(
        _ directory: DataDirectory, making: Bool, _ body: (SeriesStore) throws -> T
    ) throws -> T {
        var found = stat()
        if stat(directory.agent, &found) != 0 {
            guard making else {
                throw Failure(
                    .no,
                    "there are no stored series in \(Terminal.safe(directory.path)): "
                        + "no \(Terminal.safe(directory.agent))")
            }
            for path in [directory.path, directory.agent] where mkdir(path, 0o755) != 0 {
                guard errno == EEXIST else {
                    throw Failure(
                        .io,
                        "cannot make \(Terminal.safe(path)): \(String(cString: strerror(errno)))")
                }
            }
            stat(directory.agent, &found)
        }
        if geteuid() == 0, found.st_uid != 0 {
            // The group first: afterwards it may no longer be changed.
            guard setegid(found.st_gid) == 0, seteuid(found.st_uid) == 0 else {
                throw Failure(.permission, "cannot become the owner of \(directory.agent)")
            }
        }
        do {
            let lock = try InstanceLock(path: directory.lock)
            let store = try SeriesStore.open(directory: directory.series)
            let result = try body(store)
            try store.flush()
            _ = consume lock
            return result
        } catch let error as AgentError {
            throw Failure(.unavailable, error.description)
        } catch let error as StoreError {
            throw Failure(.io, error.description)
        }
    }
}
