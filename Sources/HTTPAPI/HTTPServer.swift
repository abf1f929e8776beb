// SPDX-License-Identifier: Apache-2.0

import Codecs
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
        let limits = services.limits
        let threads = NIOThreadPool(numberOfThreads: limits.concurrency)
        threads.start()
        let router = APIRouter(context: APIContext.self, options: [.autoGenerateHeadEndpoints])
        let endpoints = Self.endpoints + changing
        router.add(
            middleware: Recording(
                counters: services.counters,
                methods: Dictionary(
                    endpoints.map { ($0.path, $0.methods) } + [
                        ("/metrics", [.get]), ("/loki/api/v1/tail", [.get]),
                    ],
                    uniquingKeysWith: { $0 + $1 })))
        if case .tcp = address { router.add(middleware: SameOrigin()) }
        addRoutes(router)
        LokiTail(services: services, threads: threads).add(to: router)
        LogLinesRoute(services: services, threads: threads).add(to: router)
        let gate = QueryGate(limits: limits, threads: threads, counters: services.counters)
        for endpoint in endpoints { endpoint.add(to: router, services: services, gate: gate) }
        let target: BindAddress =
            switch address {
            case .tcp(let host, let port): .hostname(host, port: port)
            case .unixSocket(let path): .unixDomainSocket(path: path)
            }
        let onRunning = onRunning
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let app = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ClientWatch()],
                    idleTimeout: .seconds(limits.requestTimeout),
                    httpDecoderConfiguration: .init())),
            configuration: .init(
                address: target, serverName: "ullage",
                availableConnectionsDelegate: .maximum(limits.maxConnections, logger: logger)),
            onServerRunning: { channel in onRunning(channel.localAddress?.port) },
            eventLoopGroupProvider: .shared(loop), logger: logger)
        do {
            try await withTaskExecutorPreference(LoopExecutor(loop)) { try await app.run() }
        } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    private static let endpoints =
        QueryRoutes.all + ParseRoutes.all + SeriesRoutes.all + StatusRoutes.all
        + LokiRoutes.all + ContainerRoutes.all + ShipRoutes.all
        + [FederateRoute.endpoint, RemoteReadRoute.endpoint, LogLinesRoute.stats]
        + AlertRoutes.reading + RuleRoutes.all

    /// What changes something: done for who may write to the socket, refused to all others.
    private var changing: [Endpoint] {
        if case .unixSocket = address {
            AlertRoutes.writing + ShipRoutes.writing
        } else {
            AlertRoutes.refused + ShipRoutes.refused
        }
    }

    private func addRoutes(_ router: APIRouter) {
        let services = services
        ScrapeRoute(services: services).add(to: router)
        router.get("/-/healthy") { _, _ in Answer.text(.ok, "Ullage is healthy.\n").response }
        router.get("/-/ready") { _, _ in
            guard let reason = services.notReady() else {
                return Answer.text(.ok, "Ullage is ready.\n").response
            }
            return Answer.text(.serviceUnavailable, reason + "\n").response
        }
        router.get("/ready") { _, _ in
            guard let reason = services.notReady() else {
                return Answer.text(.ok, "ready\n").response
            }
            return Answer.text(.serviceUnavailable, reason + "\n").response
        }
        router.get("/api/v1/containers") { request, _ in
            let isFull = try Parameters(query: request.uri.query ?? "").first("full") == "1"
            return Answer(body: ContainersJSON.render(services.containers(), full: isFull).bytes)
                .compressed(for: request).response
        }
        router.get("/") { _, _ in
            Answer.text(
                .ok,
                "Ullage \(services.version)\n\n/metrics\n/federate?match[]=...\n"
                    + "/api/v1/containers\n/api/v1/events\n/api/v1/query?query=...\n"
                    + "/loki/api/v1/query_range?query=...\n/-/healthy\n/-/ready\n"
            ).response
        }
    }
}
