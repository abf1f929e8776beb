// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import LogStore
import Model
import NIOCore
import NIOPosix
import Synchronization

/// `/api/v1/logs`: stored lines as JSON objects, one a line, as they are read; with `follow` those
/// that come, until the client goes. An empty line now and then shows that the agent is there.
struct LogLinesRoute {
    let services: Services
    let threads: NIOThreadPool
    private static let running = Atomic<Int>(0)
    /// Answers that are being written at once.
    private static let maxRunning = 64

    func add(to router: APIRouter) {
        let (services, threads) = (services, threads)
        router.get("/api/v1/logs") { request, _ in
            guard let archive = services.logArchive else {
                return Answer.failure(
                    APIError(.unavailable, "this agent keeps no logs: logs.enabled is false")
                ).response
            }
            do {
                let parameters = try Parameters(query: request.uri.query ?? "")
                let wanted = try LogRequest(
                    parameters: parameters.pairs.map { ($0.name, $0.value) })
                guard Self.running.load(ordering: .relaxed) < Self.maxRunning else {
                    throw APIError(.unavailable, "too many clients read logs at once")
                }
                let session = try await threads.runIfActive {
                    LogSession(feed: try LogFeed(wanted, in: archive))
                }
                return Self.response(session, isFollowing: wanted.isFollowing, threads)
            } catch let error as LogNotFound {
                return Answer.failure(APIError(.notFound, error.description)).response
            } catch let error as APIError {
                return Answer.failure(error).response
            } catch {
                return Answer.failure(APIError(.badData, "\(error)")).response
            }
        }
    }

    /// `/api/v1/logs/stats`: how much each name wrote.
    static let stats = Endpoint(path: "/api/v1/logs/stats") { call in
        guard let archive = call.services.logArchive else {
            throw APIError(.unavailable, "this agent keeps no logs: logs.enabled is false")
        }
        do {
            let request = try LogRequest(
                parameters: call.parameters.pairs.map { ($0.name, $0.value) })
            return Answer(body: NamedTally.json(try NamedTally.read(request, in: archive)))
        } catch let error as LogNotFound {
            throw APIError(.notFound, error.description)
        } catch let error as LogRequestError {
            throw APIError(.badData, error.description)
        }
    }

    private static func response(
        _ session: LogSession, isFollowing: Bool, _ threads: NIOThreadPool
    ) -> Response {
        let body = ResponseBody { writer in
            running.add(1, ordering: .relaxed)
            defer { running.subtract(1, ordering: .relaxed) }
            var idle = 0
            while !Task.isCancelled {
                let bytes = try await threads.runIfActive { try session.chunk() }
                if !bytes.isEmpty {
                    try await writer.write(ByteBuffer(bytes: bytes))
                    idle = 0
                    continue
                }
                guard isFollowing else { break }
                try await Task.sleep(for: .milliseconds(100))
                idle += 1
                if idle % 50 == 0 { try await writer.write(ByteBuffer(string: "\n")) }
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
            body: body)
    }
}

/// One client's reading, moved on by whatever thread is free.
private final class LogSession: Sendable {
    private struct State: ~Copyable {
        let feed: LogFeed
        var clock = LogClock()
    }

    private let state: Mutex<State>
    private static let chunkBytes = 64 << 10

    init(feed: sending LogFeed) { state = Mutex(State(feed: feed)) }

    /// The next lines; empty when there are none now.
    func chunk() throws -> [UInt8] {
        try state.withLock { state in
            var bytes: [UInt8] = []
            while bytes.count < Self.chunkBytes {
                if let line = try state.feed.next() {
                    line.appendJSON(&state.clock, to: &bytes)
                } else if try !bytes.isEmpty || !state.feed.advance() {
                    break
                }
            }
            return bytes
        }
    }
}
