// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import LogQL
import Model
import NIOCore
import NIOPosix
import PromQL
import Synchronization

/// `/loki/api/v1/tail`: lines as they come, over a WebSocket.
///
/// The store is asked once a second for what is new since the last time, by the sequences of its
/// entries, so that a line comes once, however late it is. A client that reads slowly holds up its
/// own tail only; nothing is kept for it in memory.
struct LokiTail: Sendable {
    private let services: Services
    private let threads: NIOThreadPool
    private let open = Open()

    /// Tails at once, for each address listened on: Loki's 10.
    static let maxTails = 10
    /// Lines of one frame.
    private static let maxLines = 500
    /// Nanoseconds by which a line may be older than those before it.
    private static let lateness: Int64 = 10_000_000_000
    /// Seconds without a line after which a ping tells whether the client is there.
    private static let pingInterval = 15

    private final class Open: Sendable {
        let count = Mutex(0)
    }

    init(services: Services, threads: NIOThreadPool) {
        self.services = services
        self.threads = threads
    }

    func add(to router: APIRouter) {
        router.get("/loki/api/v1/tail") { request, context in
            try await self.answer(request, context)
        }
    }

    private func answer(_ request: Request, _ context: APIContext) async throws -> Response {
        guard let querier = services.logs else {
            throw APIError(
                .notFound, "this agent keeps no logs: set logs.enabled in its configuration")
        }
        let parameters = LokiParameters(try Parameters(query: request.uri.query ?? ""))
        guard case .lines(let pipeline) = try LokiRoutes.parse(parameters.query) else {
            throw APIError(.badData, "only a query for lines can be followed")
        }
        let (start, end) = try parameters.range()
        let tail = Tail(
            engine: LogEngine(querier: querier, options: services.logOptions),
            pipeline: pipeline, limit: try parameters.limit(atMost: services.logOptions.maxLines),
            categorized: request.headers.categorizesLabels)
        var headers = try await WebSocket.accept(request, context.channel)
        headers[.server] = "ullage"
        guard let presence = context.client, admit() else {
            throw APIError(
                .unavailable, "max concurrent tail requests limit exceeded, \(Self.maxTails) run",
                status: .tooManyRequests)
        }
        try await WebSocket.listen(on: context.channel, presence)
        let scope = QueryScope(timeout: .max / 2_000_000)
        presence.add(scope)
        let channel = context.channel
        return Response(
            status: .switchingProtocols, headers: headers,
            body: ResponseBody { writer in
                defer {
                    presence.remove(scope)
                    self.open.count.withLock { $0 -= 1 }
                    channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
                }
                try await self.follow(tail, from: start, to: end, scope, &writer)
                try await writer.finish(nil)
            })
    }

    private func admit() -> Bool {
        open.count.withLock { count in
            guard count < Self.maxTails else { return false }
            count += 1
            return true
        }
    }

    private struct Tail: Sendable {
        let engine: LogEngine
        let pipeline: LogPipeline
        let limit: Int
        let categorized: Bool
    }

    private func follow(
        _ tail: Tail, from start: Int64, to end: Int64, _ scope: QueryScope,
        _ writer: inout any ResponseBodyWriter
    ) async throws {
        // First what there is: the newest lines, in their order.
        var request = LineRequest(start: start, end: .max)
        request.limit = tail.limit
        var result = try await lines(tail, request, scope)
        let shown = result.streams.flatMap(\.lines)
        for i in result.streams.indices { result.streams[i].lines.reverse() }
        try await send(result, tail, &writer)
        request = LineRequest(start: max(start, end - Self.lateness), end: .max)
        if shown.count >= tail.limit, let oldest = shown.map(\.timestamp).min() {
            // Older ones were left out on purpose.
            request.start = max(request.start, oldest)
        }
        request.isForward = true
        request.limit = Self.maxLines
        request.from = result.next
        var quiet = 0
        while scope.stopped(in: "tail") == nil {
            let result = try await lines(tail, request, scope)
            request.from = result.next
            let count = result.streams.reduce(0) { $0 + $1.lines.count }
            if count > 0 {
                quiet = 0
                try await send(result, tail, &writer)
            } else {
                quiet += 1
                if quiet % Self.pingInterval == 0 {
                    try await writer.write(WebSocket.frame(.ping, []))
                }
            }
            if count < Self.maxLines { try await Task.sleep(for: .seconds(1)) }
        }
    }

    private func lines(
        _ tail: Tail, _ request: LineRequest, _ scope: QueryScope
    ) async throws -> LineResult {
        try await threads.runIfActive {
            try tail.engine.lines(
                tail.pipeline, request,
                options: QueryOptions(interruption: {
                    scope.stopped(in: "tail").map { QueryError(.canceled, $0.message) }
                }))
        }
    }

    private func send(
        _ result: LineResult, _ tail: Tail, _ writer: inout any ResponseBodyWriter
    ) async throws {
        guard !result.streams.isEmpty else { return }
        var json = JSONWriter()
        json.raw("{\"streams\":")
        try LokiJSON.list(
            result.streams, categorized: tail.categorized, isForward: true,
            maxAnswer: services.limits.maxAnswer, &json)
        if tail.categorized { json.raw(",\"encodingFlags\":[\"categorize-labels\"]") }
        json.raw(",\"dropped_entries\":[]}")
        try await writer.write(WebSocket.frame(.text, json.bytes))
    }
}
