// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import Discovery
import Glibc
import HTTPAPI
import Linux
import Logging
import Model
import Notify
import Outputs
import PromQL
import SeriesStore
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The agent: everything below brought together, and run until a signal ends it.
public struct Agent: Sendable {
    private let source: ConfigurationSource
    private let logger: Logger

    /// An agent configured by `source`.
    public init(source: ConfigurationSource) {
        self.source = source
        var logger = Logger(label: "ullage") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .info
        self.logger = logger
    }

    /// Runs until SIGINT or SIGTERM. Throws `ConfigError` or `AgentError` when it cannot start.
    public func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let descriptors = DescriptorLimit.raise()
        let configuration = try source.load()
        let directory = DataDirectory(configuration.dataDirectory)
        try Self.makeDirectory(directory.path)
        try Self.makeDirectory(directory.agent)
        let lock = try InstanceLock(path: directory.lock)
        let sampling = try Sampling(
            configuration, store: try Self.openStore(directory, configuration),
            registry: AgentDiscovery.registry(directory, configuration.discovery, logger))
        let watch = try HostWatch(configuration, directory, sampling, logger)
        let logs = try keepLogs(configuration, directory, sampling, descriptors)
        let notifier = try Notifying.open(configuration, directory, logger)
        sampling.addReadings { Notifying.readings(notifier) }
        let rules = try RuleService(
            configuration, store: sampling.store, logs: logs?.archive, sink: notifier,
            logger: logger)
        sampling.addReadings { rules.readings() }
        unlink(directory.socket)
        let shipping = Shipping(
            stores: ShipStores(
                feed: sampling.store, logs: logs?.archive, moreLines: logs?.written),
            directory: directory.ship, logger: logger)
        sampling.addReadings { shipping.readings() }
        shipping.apply(configuration.ship)
        defer { shipping.stop() }
        try await serve(configuration, directory, sampling, watch, logs, notifier, rules, shipping)
        unlink(directory.socket)
        try? sampling.store.flush()
        logs?.flush()
        _ = consume lock
    }

    private func keepLogs(
        _ configuration: Configuration, _ directory: DataDirectory, _ sampling: Sampling,
        _ descriptors: Int
    ) throws(AgentError) -> LogKeeping? {
        guard configuration.logs.isEnabled else { return nil }
        let logs = try LogKeeping(
            configuration, directory: directory, registry: sampling.registry, logger: logger,
            descriptors: descriptors)
        sampling.setTailed { logs.counters(of: $0) }
        sampling.addReadings { logs.readings() }
        return logs
    }

    private func serve(
        _ configuration: Configuration, _ directory: DataDirectory, _ sampling: Sampling,
        _ watch: HostWatch, _ logs: LogKeeping?, _ notifier: Notifier, _ rules: RuleService,
        _ shipping: Shipping
    ) async throws {
        var services = Serving.services(configuration, sampling, watch)
        services.alerting = Notifying.services(notifier)
        services.ruleGroups = { rules.status }
        services.logArchive = logs?.archive
        services.logs = logs?.archive
        services.sinks = { shipping.statuses() }
        services.askSink = { shipping.ask($0, $1) }
        let logger = logger
        let listen = configuration.listen
        let tcp = HTTPServer(
            address: .tcp(host: listen.host, port: listen.port), services: services,
            logger: Self.quiet
        ) { port in
            logger.info("listening", metadata: ["address": "http://\(listen.host):\(port ?? 0)"])
        }
        let socket = HTTPServer(
            address: .unixSocket(path: directory.socket), services: services, logger: Self.quiet
        ) { _ in SocketAccess.grant(directory.socket, to: configuration.socketGroup, logger) }
        var all: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: Running { try await watch.run(sampling.registry) }),
            .init(service: Running { try await sampling.registry.run() }),
            .init(service: Running { try await sampling.run() }),
            .init(
                service: Running {
                    try await self.reload(sampling, logs, notifier, rules, shipping)
                }),
            .init(service: Running { await notifier.run() }),
            .init(service: Running { await rules.run() }),
            .init(service: Running(gracefully: false) { try await tcp.run() }),
            .init(service: Running(gracefully: false) { try await socket.run() }),
        ]
        let received = ReceiveCounters()
        sampling.addReadings { Receiving.readings(received.snapshot) }
        let receiver = try Receiving.server(
            configuration, store: sampling.store, logs: logs, counters: received, logger: logger,
            quiet: Self.quiet)
        if let receiver {
            all.append(.init(service: Running(gracefully: false) { try await receiver.run() }))
        }
        if let logs { all.append(.init(service: Running { try await logs.run() })) }
        let group = ServiceGroup(
            configuration: .init(
                services: all, gracefulShutdownSignals: [.sigint, .sigterm], logger: Self.quiet))
        do { try await group.run() } catch {
            throw AgentError(
                "cannot serve on \(listen.host):\(listen.port) or \(directory.socket)"
                    + (configuration.receive.map { ", or receive on \($0.host):\($0.port)" } ?? "")
                    + ": \(error). If the address is in use, choose another with --listen, or in "
                    + "`receive.listen`")
        }
    }

    /// Reads the configuration again at each SIGHUP; keeps the one in use when that fails.
    private func reload(
        _ sampling: Sampling, _ logs: LogKeeping?, _ notifier: Notifier, _ rules: RuleService,
        _ shipping: Shipping
    ) async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            do {
                let configuration = try source.load()
                sampling.apply(configuration)
                logs?.apply(configuration)
                try notifier.apply(configuration.notify)
                if !rules.apply(configuration) { sampling.reloadFailed() }
                // A sink that ends waits for its request, which is not for this thread to do.
                await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                    BlockingThread.start("ship-reload") {
                        shipping.apply(configuration.ship)
                        done.resume()
                    }
                }
                logger.notice("configuration read again")
            } catch {
                sampling.reloadFailed()
                logger.error("the configuration in use stays: \(error)")
            }
        }
    }

    private static let quiet: Logger = {
        var logger = Logger(label: "http") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        return logger
    }()

    private static func openStore(
        _ directory: DataDirectory, _ configuration: Configuration
    ) throws(AgentError) -> SeriesStore {
        var options = SeriesStore.Options()
        options.retention = configuration.retention
        options.retention5m = configuration.retention5m
        options.retention1h = configuration.retention1h
        options.maxBytes = configuration.maxSize
        options.minFree = configuration.minFree
        options.syncInterval = configuration.journalSync
        options.maxSeries = Int(configuration.maxSeries)
        do { return try SeriesStore.open(directory: directory.series, options: options) } catch {
            throw AgentError("\(error)")
        }
    }

    private static func makeDirectory(_ path: String) throws(AgentError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o755) != 0, errno != EEXIST {
                throw AgentError(
                    "cannot make the data directory \(path): \(AgentError.reason(errno)). Give one "
                        + "that may be written to with --data-dir.")
            }
        }
    }
}

/// A closure as a service that ends when the group shuts down.
private struct Running: Service {
    let gracefully: Bool
    let body: @Sendable () async throws -> Void

    init(gracefully: Bool = true, _ body: @escaping @Sendable () async throws -> Void) {
        self.gracefully = gracefully
        self.body = body
    }

    func run() async throws {
        // The server listens for the shutdown itself; the others are cancelled.
        guard gracefully else { return try await body() }
        try await cancelWhenGracefulShutdown { try await body() }
    }
}
