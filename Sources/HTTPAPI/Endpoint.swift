// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Model
import NIOCore
import PromQL

/// A request as a route sees it.
struct APICall: Sendable {
    let parameters: Parameters
    /// The body, when it is not a form.
    let body: [UInt8]
    /// What stands for `:name` in the route's path.
    let name: String
    /// The request's header fields.
    let headers: HTTPFields
    let services: Services
    let limits: ServingLimits
    let scope: QueryScope

    /// The store, as long as this query may go on.
    var querier: any SeriesQuerier { ScopedQuerier(base: services.querier, scope: scope) }

    /// The selectors of `match[]`; one that matches everything when there are none.
    func selectors(required: Bool) throws(APIError) -> [[Matcher]] {
        let texts = parameters.all("match[]")
        guard !texts.isEmpty else {
            if required { throw APIError(.badData, "no match[] parameter provided") }
            return [[]]
        }
        var selectors: [[Matcher]] = []
        for text in texts {
            do { selectors.append(try Engine.matchers(text)) } catch {
                throw .parameter("match[]", error.message)
            }
        }
        return selectors
    }

    /// `start` to `end`, all there is when they are not given.
    func range() throws(APIError) -> TimeRange {
        let range = TimeRange(
            start: try parameters.time("start", default: .min),
            end: try parameters.time("end", default: .max))
        guard range.start <= range.end else {
            throw .parameter("end", "end timestamp must not be before start time")
        }
        return range
    }
}

/// A route that may block, so that it runs on a query thread.
struct Endpoint: Sendable {
    let path: String
    var methods: [HTTPRequest.Method] = [.get]
    /// Whether the body is something else than a form.
    var takesBody = false
    let run: @Sendable (APICall) throws -> Answer

    static let getAndPost: [HTTPRequest.Method] = [.get, .post]

    func add(to router: APIRouter, services: Services, gate: QueryGate) {
        for method in methods {
            router.on(RouterPath(path), method: method) { request, context in
                try await self.answer(request, context, services, gate)
            }
        }
    }

    private func answer(
        _ request: Request, _ context: APIContext, _ services: Services, _ gate: QueryGate
    ) async throws -> Response {
        let limits = gate.limits
        let body =
            try await RequestReading.hasBody(request)
            ? RequestReading.body(of: request, context: context, limits: limits) : []
        let type = request.headers[.contentType]?.split(separator: ";").first.map(String.init) ?? ""
        let isForm = !takesBody && type.lowercased() == "application/x-www-form-urlencoded"
        let parameters = try Parameters(query: request.uri.query ?? "", form: isForm ? body : [])
        let timeout = try parameters.duration("timeout") ?? limits.queryTimeout
        let name = context.parameters.get("name") ?? ""
        return try await gate.run(for: context.client, timeout: timeout) { scope in
            let call = APICall(
                parameters: parameters, body: takesBody ? body : [], name: name,
                headers: request.headers, services: services, limits: limits, scope: scope)
            return try run(call).compressed(for: request)
        }.response
    }
}

/// Takes a request in, within bounds of size and time.
enum RequestReading {
    /// Bytes of a body that is too large which are still read, so that its sender gets to see why.
    static let maxDrained = 32 << 20

    /// Whether a body follows the head (RFC 9112, section 6.3).
    static func hasBody(_ request: Request) -> Bool {
        request.headers[.transferEncoding] != nil || (request.headers[.contentLength] ?? "0") != "0"
    }

    static func body(
        of request: Request, context: APIContext, limits: ServingLimits
    ) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            group.addTask { try await collect(request, context, limits) }
            group.addTask {
                try await Task.sleep(for: .seconds(limits.requestTimeout))
                throw APIError(
                    .timeout,
                    "the request did not arrive within \(limits.requestTimeout) seconds",
                    status: .requestTimeout)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }

    private static func collect(
        _ request: Request, _ context: APIContext, _ limits: ServingLimits
    ) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        var total = 0
        for try await part in request.body {
            total += part.readableBytes
            if total <= limits.maxBody { bytes += part.readableBytesView }
            guard total > maxDrained else { continue }
            // It does not stop: after the answer the connection goes.
            let channel = context.channel
            channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
            break
        }
        guard total <= limits.maxBody else {
            throw APIError(
                .badData, "the request's body is larger than \(limits.maxBody) bytes",
                status: .contentTooLarge)
        }
        return bytes
    }
}
