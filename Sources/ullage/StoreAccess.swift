// SPDX-License-Identifier: Apache-2.0

import Agent
import Glibc
import SeriesStore

/// The series store of a data directory, opened without an agent.
enum StoreAccess {
    /// Reads the store in `directory`, beside an agent or without one.
    static func read<T>(_ directory: String, _ body: (String) throws -> T) throws -> T {
        var found = stat()
        guard stat(directory, &found) == 0 else { throw nothingStored(in: directory) }
        return try naming { try body(directory) }
    }

    /// Keeps agents away from the store while `body` works on its directory, with the rights of its
    /// owner.
    static func exclusively<T>(
        _ directory: DataDirectory, making: Bool, _ body: (String) throws -> T
    ) throws -> T {
        try becomeOwner(of: directory, making: making)
        return try naming {
            let lock = try InstanceLock(path: directory.lock)
            let result = try body(directory.series)
            _ = consume lock
            return result
        }
    }

    /// Opens the store and keeps agents away from it while `body` works. It deletes nothing: how
    /// much is kept is the agent's to say.
    static func run<T>(
        _ directory: DataDirectory, making: Bool, _ body: (SeriesStore) throws -> T
    ) throws -> T {
        try exclusively(directory, making: making) {
            let store = try SeriesStore.open(directory: $0, options: .keepingEverything)
            let result = try body(store)
            try store.flush()
            return result
        }
    }

    /// As root, works with the rights of the directory's owner from here on, so that an agent
    /// without root finds its own files afterwards.
    private static func becomeOwner(of directory: DataDirectory, making: Bool) throws {
        var found = stat()
        if stat(directory.agent, &found) != 0 {
            guard making else { throw nothingStored(in: directory.series) }
            for path in [directory.path, directory.agent] where mkdir(path, 0o755) != 0 {
                guard errno == EEXIST else {
                    throw Failure(
                        .io,
                        "cannot make \(Terminal.safe(path)): \(String(cString: strerror(errno)))")
                }
            }
            stat(directory.agent, &found)
        }
        guard geteuid() == 0, found.st_uid != 0 else { return }
        // The group first: afterwards it may no longer be changed.
        guard setegid(found.st_gid) == 0, seteuid(found.st_uid) == 0 else {
            throw Failure(
                .permission, "cannot become the owner of \(Terminal.safe(directory.agent))")
        }
    }

    private static func nothingStored(in directory: String) -> Failure {
        Failure(.no, "there are no stored series: no \(Terminal.safe(directory))")
    }

    /// Gives the errors of the store their exit codes.
    private static func naming<T>(_ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as AgentError {
            throw Failure(.unavailable, error.description)
        } catch let error as StoreError {
            let text = Terminal.safe(error.description, limit: 2000)
            if case .inUse = error { throw Failure(.unavailable, text) }
            throw Failure(.io, text)
        }
    }
}
