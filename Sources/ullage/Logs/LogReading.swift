// SPDX-License-Identifier: Apache-2.0

import Agent
import Glibc
import Linux
import LogStore
import Logs
import Model
import Runtime
import Synchronization

/// Gets the lines asked for from wherever they are: the store's files, the containers' own files
/// for what an absent agent did not store, or an agent.
struct LogReading {
    let host: LogHostOptions
    var request: LogRequest

    /// Gives each line to `body`, until it returns false; calls `pause` when there are none for the
    /// moment. Returns the first sequences not given, by the log's id.
    func run(
        _ body: @escaping (LogLine) throws -> Bool, pause: @escaping () -> Void
    ) async throws -> [String: Int64] {
        do {
            if host.isLocal { return try local(body, pause) }
            return try await remote(body, pause)
        } catch let error as LogNotFound {
            throw Failure(.no, Terminal.safe("\(error)", limit: 1000))
        } catch let error as Failure {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Failure(.badData, Terminal.safe("\(error)", limit: 2000))
        }
    }

    // MARK: Here

    private func local(_ body: (LogLine) throws -> Bool, _ pause: () -> Void) throws -> [String:
        Int64]
    {
        let archive = LogArchive(directory: host.data.directory.logs)
        let runtime = host.data.runtime()
        let pipelines = try host.pipelines()
        let hasAgent = Self.isHeld(host.data.directory.lock)
        var rests: [FileRest] = []
        // With an agent, lines that come are taken from the store alone, where they have numbers.
        let others: [UnstoredLog] =
            hasAgent && request.isFollowing
            ? []
            : runtime.list().compactMap { TailSource($0) }.map { source in
                let position = archive.position(of: source.identity)
                let rest = FileRest(
                    source, from: position.checkpoint, endsLines: !request.isFollowing,
                    pipeline: pipelines.pipeline(for: source.identity))
                rests.append(rest)
                return UnstoredLog(identity: source.identity, end: position.end, next: rest.next)
            }
        let feed = try LogFeed(request, in: archive, others: others)
        if feed.logs.isEmpty, !request.isFollowing, request.names.isEmpty, request.matchers.isEmpty
        {
            try refuseUnreadable()
        }
        while let line = try feed.next() {
            guard try body(line) else { return feed.positions }
        }
        pause()
        guard request.isFollowing else { return feed.positions }
        if hasAgent { return try follow(feed, body, pause) }
        return try UnstoredFollower(
            request: request, runtime: runtime, rests: rests, pipelines: pipelines
        ).run(body, pause, until: feed.positions)
    }

    private func follow(
        _ feed: LogFeed, _ body: (LogLine) throws -> Bool, _ pause: () -> Void
    ) throws -> [String: Int64] {
        while true {
            while try feed.advance() {
                while let line = try feed.next() {
                    guard try body(line) else { return feed.positions }
                }
            }
            pause()
            feed.wait(milliseconds: 1000)
        }
    }

    /// Says why nothing can be read when the store belongs to somebody else.
    private func refuseUnreadable() throws {
        let path = host.data.directory.logs
        guard access(path, F_OK) == 0, access(path, R_OK | X_OK) != 0 else { return }
        throw Failure(
            .permission,
            "the logs in \(Terminal.safe(path)) may not be read by this user: ask the agent as a "
                + "member of its group (socket_group), or become root")
    }

    /// Whether an agent runs, which holds the directory's lock.
    private static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return errno == EACCES }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }

    // MARK: There

    private func remote(
        _ body: @escaping (LogLine) throws -> Bool, _ pause: @escaping () -> Void
    ) async throws -> [String: Int64] {
        var positions = request.query.from
        try await host.client().lines("/api/v1/logs", query: request.parameters) { bytes in
            guard !bytes.isEmpty else {
                pause()
                return true
            }
            guard let line = LogLine(json: bytes) else {
                throw Failure(.badData, "the agent's answer is not what was expected")
            }
            if line.entry.sequence >= 0 { positions[line.identity.id] = line.entry.sequence + 1 }
            return try body(line)
        }
        pause()
        return positions
    }
}
