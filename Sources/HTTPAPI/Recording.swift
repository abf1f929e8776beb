// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore

/// Counts every request and turns what a route throws into an answer.
struct Recording: RouterMiddleware {
    typealias Context = APIContext

    let counters: ServingCounters
    /// The methods of the paths there are, without parameters.
    let methods: [String: [HTTPRequest.Method]]

    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let response: Response
        do { response = try await next(request, context) } catch let error as HTTPError {
            response = refuse(request, error)
        } catch {
            let known = QueryGate.apiError(error)
            let isLoki = request.uri.path.hasPrefix(LokiRoutes.prefix)
            response = (isLoki ? LokiJSON.failure(known) : Answer.failure(known)).response
        }
        // Hummingbird calls the route of what has none "NotFound".
        let route = context.endpointPath == "NotFound" ? nil : context.endpointPath
        counters.answered(route ?? "other", response.status.code)
        return response
    }

    private func refuse(_ request: Request, _ error: HTTPError) -> Response {
        guard error.status == .notFound else {
            return Answer.text(error.status, (error.body ?? error.status.reasonPhrase) + "\n")
                .response
        }
        if let allowed = allowed(request.uri.path) {
            var answer = Answer.text(.methodNotAllowed, "Method Not Allowed\n")
            answer.headers[.allow] = allowed.map(\.rawValue).joined(separator: ", ")
            return answer.response
        }
        guard request.uri.path.hasPrefix("/api/") else {
            return Answer.text(.notFound, "404 page not found\n").response
        }
        return Answer.failure(
            APIError(.notFound, "there is no \(request.uri.path.prefix(100)) here")
        ).response
    }

    private func allowed(_ path: String) -> [HTTPRequest.Method]? {
        for prefix in ["/api/v1/label/", "/loki/api/v1/label/"]
        where path.hasPrefix(prefix) && path.hasSuffix("/values") {
            return methods[prefix + ":name/values"]
        }
        return methods[path]
    }
}

/// Refuses requests under a foreign name (DNS rebinding) and from another site's page.
struct SameOrigin: RouterMiddleware {
    typealias Context = APIContext

    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let host = request.head.authority ?? ""
        let origin = request.headers[.origin].map {
            $0.split(separator: "/").last.map(String.init) ?? ""
        }
        guard Self.isLocal(host), origin.map(Self.isLocal) ?? true else {
            return Answer.text(.forbidden, "This host is not served here.\n").response
        }
        return try await next(request, context)
    }

    static func isLocal(_ authority: String) -> Bool {
        var name = Substring(authority)
        if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") { name = name[..<colon] }
        return name == "localhost" || name == "[::1]" || name == "127.0.0.1"
    }
}
