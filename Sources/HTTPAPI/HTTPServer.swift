// SPDX-License-Identifier: Apache-2.0

import Hummingbird
public import Logging
import Model
import NIOCore
import NIOPosix

/// Serves the agent's HTTP API on one address.
///
/// On TCP a request must name this machine as its `Host` and must not come from another site's
/// page, so that a browser cannot be made to ask for somebody else.
public struct HTTPServer: Sendable {
    /// Where to listen.
    public enum Address: Sendable {
        /// A loopback address and a port; port 0 takes a free one.
        case tcp(host: String, port: Int)
        /// A Unix socket.
        case unixSocket(path: String)
    }

    private let address: Address
    private let services: Services
    private let logger: Logger
    private let onRunning: @Sendable (Int?) -> Void

    /// A server; `onRunning` is told the port once it listens.
    public init(
        address: Address, services: Services, logger: Logger,
        onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
    ) {
        self.address = address
        self.services = services
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Listens until the task is cancelled or the service group shuts down.
    public func run() async throws {
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        let router = Router()
        if case .tcp = address { router.add(middleware: SameOrigin()) }
        addRoutes(router, threads)
        let target: BindAddress =
            switch address {
            case .tcp(let host, let port): .hostname(host, port: port)
            case .unixSocket(let path): .unixDomainSocket(path: path)
            }
        let onRunning = onRunning
        let app = Application(
            router: router,
            configuration: .init(address: target, serverName: "ullage"),
            onServerRunning: { channel in onRunning(channel.localAddress?.port) }, logger: logger)
        do {
            try await app.run()
        } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    private func addRoutes(_ router: Router<BasicRequestContext>, _ threads: NIOThreadPool) {
        let services = services
        ScrapeRoute(services: services).add(to: router)
        router.get("/-/healthy") { _, _ in Self.text(.ok, "Ullage is healthy.\n") }
        router.get("/-/ready") { _, _ in
            guard let reason = services.notReady() else {
                return Self.text(.ok, "Ullage is ready.\n")
            }
            return Self.text(.serviceUnavailable, reason + "\n")
        }
        router.get("/api/v1/containers") { _, _ in
            Answer.response(.ok, ContainersJSON.render(services.containers()))
        }
        router.get("/") { _, _ in
            Self.text(
                .ok,
                "Ullage \(services.version)\n\n/metrics\n/api/v1/containers\n"
                    + "/api/v1/query?query=...\n/-/healthy\n/-/ready\n")
        }
        QueryRoutes(services: services, threads: threads).add(to: router)
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status,
            headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}

/// Refuses requests under a foreign name (DNS rebinding) and from another site's page.
struct SameOrigin: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let host = request.head.authority ?? ""
        let origin = request.headers[.origin].map {
            $0.split(separator: "/").last.map(String.init) ?? ""
        }
        guard Self.isLocal(host), origin.map(Self.isLocal) ?? true else {
            return Response(
                status: .forbidden, headers: [.contentType: "text/plain; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(string: "This host is not served here.\n")))
        }
        return try await next(request, context)
    }

    static func isLocal(_ authority: String) -> Bool {
        var name = Substring(authority)
        if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") { name = name[..<colon] }
        return name == "localhost" || name == "[::1]" || name == "127.0.0.1"
    }
}
