// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Interchange
public import Logging
import NIOCore
import NIOPosix
import NIOSSL
public import Outputs

/// Takes in what other hosts send: Prometheus' remote write, Loki's push, OTLP's logs. On an address
/// of its own, for senders that say who they are.
public struct ReceiveServer: Sendable {
    /// Where it listens, and for whom.
    public struct Options: Hashable, Sendable {
        /// The address; anything but loopback needs `tls`.
        public var host = "127.0.0.1"
        /// 0 takes a free port.
        public var port = 0
        /// The certificate and key (PEM) to show, and the authority whose clients' certificates are
        /// taken (`caFile`); nil for no TLS.
        public var tls: TLSOptions?
        /// Who may send; each has a name and password or a token.
        public var senders: [Authentication] = []
        /// Requests that are being read or stored at once; the others wait.
        public var concurrency = 8
        /// Requests that may wait.
        public var queue = 64
        /// Connections at once.
        public var connections = 256
        /// Seconds a request may take to arrive.
        public var timeout: Int64 = 30
        /// How much one request may bring.
        public var limits = ReceiveLimits()

        /// The defaults: loopback, nobody.
        public init() {}
    }

    private let options: Options
    private let routes: [ReceiveRoute]
    private let counters: ReceiveCounters
    private let logger: Logger
    private let onRunning: @Sendable (Int?) -> Void

    /// A server that gives samples to `metrics` and lines to `logs`; a protocol without an intake is
    /// not there. `onRunning` is told the port once it listens.
    public init(
        _ options: Options, metrics: MetricIntake?, logs: LogIntake?, otlp: LogIntake?,
        counters: ReceiveCounters, logger: Logger,
        onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
    ) {
        self.options = options
        var routes: [ReceiveRoute] = []
        if let metrics { routes.append(.remoteWrite(metrics)) }
        if let logs { routes.append(.lokiPush(logs)) }
        if let otlp { routes.append(.otlpLogs(otlp)) }
        self.routes = routes
        self.counters = counters
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Listens until the task is cancelled or the service group shuts down.
    public func run() async throws {
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        let router = APIRouter(context: APIContext.self)
        let gate = ReceiveGate(atOnce: options.concurrency, waiting: options.queue)
        for route in routes {
            router.post(RouterPath(route.path)) { request, context in
                await self.answer(request, context, route, gate, threads)
            }
        }
        let base = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [ClientWatch()],
                idleTimeout: .seconds(2 * options.timeout), httpDecoderConfiguration: .init()))
        let server = try options.tls.map {
            try HTTPServerBuilder.tls(base, tlsConfiguration: Self.configuration($0))
        }
        let onRunning = onRunning
        let app = Application(
            router: router, server: server ?? base,
            configuration: .init(
                address: .hostname(options.host, port: options.port), serverName: "ullage",
                availableConnectionsDelegate: .maximum(options.connections, logger: logger)),
            onServerRunning: { channel in onRunning(channel.localAddress?.port) }, logger: logger)
        do { try await app.run() } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
        try await threads.shutdownGracefully()
    }

    /// What a server needs of TLS. Throws when a file cannot be used.
    static func configuration(_ tls: TLSOptions) throws -> TLSConfiguration {
        guard let certificate = tls.certificateFile, let key = tls.keyFile else {
            throw ReceiveError.unsupported("a server needs `cert_file` and `key_file`")
        }
        var result = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate)
                .map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        result.minimumTLSVersion = .tlsv12
        if let authority = tls.caFile {
            result.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
            // A client's certificate is for its holder, not for an address.
            result.certificateVerification = .noHostnameVerification
        }
        return result
    }

    private func answer(
        _ request: Request, _ context: APIContext, _ route: ReceiveRoute, _ gate: ReceiveGate,
        _ threads: NIOThreadPool
    ) async -> Response {
        guard Self.isKnown(request.headers[.authorization], options.senders) else {
            counters.answered(route.name, "unauthorized")
            return Self.refused(
                .unauthorized, "send a name and password or a token of `receive.senders`", context,
                [.wwwAuthenticate: "Basic realm=\"ullage\""])
        }
        guard await gate.enter() else {
            counters.answered(route.name, "busy")
            return Self.refused(
                .serviceUnavailable, "too many requests wait already", context, [.retryAfter: "1"])
        }
        defer { gate.leave() }
        let reply: ReceiveReply
        do {
            var limits = ServingLimits()
            limits.maxBody = options.limits.body
            limits.requestTimeout = options.timeout
            let body = try await RequestReading.body(of: request, context: context, limits: limits)
            counters.read(route.name, body.count)
            let headers = request.headers
            reply = try await threads.runIfActive { route.take(headers, body) }
        } catch {
            let known = QueryGate.apiError(error)
            reply = ReceiveReply(status: known.status, body: Array((known.message + "\n").utf8))
        }
        counters.answered(route.name, reply)
        return reply.response
    }

    /// Refuses a request whose body was not read; its connection goes, so that it need not be.
    private static func refused(
        _ status: HTTPResponse.Status, _ reason: String, _ context: APIContext,
        _ headers: HTTPFields
    ) -> Response {
        let channel = context.channel
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
        var reply = ReceiveReply(status: status, body: Array((reason + "\n").utf8))
        reply.headers = headers
        reply.headers[.connection] = "close"
        return reply.response
    }

    /// Whether a header is that of one of the senders. Takes as long whichever it is like.
    static func isKnown(_ header: String?, _ senders: [Authentication]) -> Bool {
        guard let header else { return false }
        let given = Array(header.utf8)
        var isKnown = false
        for sender in senders {
            // A secret that cannot be read lets nobody in.
            guard let wanted = try? sender.header() else { continue }
            let bytes = Array(wanted.value.utf8)
            var difference = UInt8(given.count == bytes.count ? 0 : 1)
            for i in given.indices { difference |= given[i] ^ bytes[i % max(bytes.count, 1)] }
            if difference == 0, !bytes.isEmpty { isKnown = true }
        }
        return isKnown
    }
}
