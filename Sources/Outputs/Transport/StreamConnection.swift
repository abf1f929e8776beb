// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server that is spoken to over a connection that stays open.
public struct StreamTarget: Hashable, Sendable {
    /// A name or an address.
    public var host: String
    /// The port.
    public var port: Int
    /// How the connection is secured; nil for not at all.
    public var tls: TLSOptions?
    /// Milliseconds to connect in, and to wait for an answer.
    public var timeout: Int64 = 30_000

    /// A server; `address` is `HOST:PORT`, an IPv6 address in brackets.
    public init(address: String) throws(ShipError) {
        let wrong = ShipError("`\(address.prefix(256))` is not HOST:PORT")
        guard let colon = address.lastIndex(of: ":"),
            let port = Int(address[address.index(after: colon)...]), (1...65535).contains(port)
        else { throw wrong }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw wrong
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x2f }) else {
            throw wrong
        }
        self.host = String(host)
        self.port = port
    }

    /// The address as it may be shown.
    public var shown: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return "\(tls == nil ? "tcp" : "tls")://\(host):\(port)"
    }
}

/// A connection used by one thread, which waits for it.
final class StreamConnection: Sendable {
    /// What came in and was not taken yet, and whether more can come.
    private struct Inbound {
        var bytes: [UInt8] = []
        var failure: String?
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let inbound = Mutex(Inbound())
        let arrived: Wakeup
        init(_ arrived: Wakeup) { self.arrived = arrived }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = Self.unwrapInboundIn(data)
            inbound.withLock { $0.bytes += buffer.readableBytesView }
            arrived.wake()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            fail("\(error)")
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { fail("the connection was closed") }

        private func fail(_ reason: String) {
            inbound.withLock { $0.failure = $0.failure ?? reason }
            arrived.wake()
        }
    }

    private let channel: any Channel
    private let collector: Collector
    private let timeout: Int64

    /// Bytes of answers that are held.
    private static let maxInbound = 4 << 20

    /// Connects, and secures the connection.
    init(_ target: StreamTarget) throws {
        let collector = Collector(try Wakeup())
        self.collector = collector
        timeout = target.timeout
        let context = try target.tls.map { try NIOSSLContext(configuration: $0.configuration()) }
        let name = target.tls?.serverName ?? target.host
        channel = try ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.milliseconds(min(10_000, target.timeout)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        // An address is no name that a certificate's check could be told.
                        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
                        try channel.pipeline.syncOperations.addHandler(
                            try NIOSSLClientHandler(
                                context: context, serverHostname: isAddress ? nil : name))
                    }
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
            .connect(host: target.host, port: target.port).wait()
    }

    deinit { channel.close(promise: nil) }

    /// Writes everything to the kernel, or to nobody: throws when that cannot be in time.
    func send(_ bytes: [UInt8]) throws {
        let written = channel.writeAndFlush(ByteBuffer(bytes: bytes))
        let deadline = channel.eventLoop.scheduleTask(in: .milliseconds(timeout)) {
            [channel] in channel.close(promise: nil)
        }
        defer { deadline.cancel() }
        do { try written.wait() } catch {
            // What went wrong first says more than that the connection is closed.
            guard let reason = collector.inbound.withLock({ $0.failure }) else { throw error }
            throw ShipError(reason)
        }
    }

    /// Waits until `take` finds what it wants at the start of what came in; it gives how many bytes
    /// that are, and its result.
    func receive<T>(_ take: ([UInt8]) throws -> (count: Int, result: T)?) throws -> T {
        let deadline = Clock.monotonicNanoseconds() + timeout * 1_000_000
        while true {
            let (bytes, failure) = collector.inbound.withLock { ($0.bytes, $0.failure) }
            if let (count, result) = try take(bytes) {
                collector.inbound.withLock { $0.bytes.removeFirst(count) }
                return result
            }
            if let failure { throw ShipError(failure) }
            guard bytes.count < Self.maxInbound else { throw ShipError("the answer does not end") }
            let left = (deadline - Clock.monotonicNanoseconds()) / 1_000_000
            guard left > 0 else { throw ShipError("no answer within \(timeout) ms") }
            _ = collector.arrived.wait(milliseconds: left)
        }
    }

    /// Whether the other side has closed it.
    var isClosed: Bool { collector.inbound.withLock { $0.failure != nil } || !channel.isActive }

    func close() { channel.close(promise: nil) }
}

/// A protocol on such a connection. Used by one thread.
protocol StreamProtocol: Sendable {
    /// Says hello.
    func begin(_ connection: StreamConnection) throws
    /// Sends a parcel and waits for its acknowledgement, if the protocol has any.
    func send(_ parcel: Parcel, on connection: StreamConnection) throws -> Verdict
}

/// Carries parcels over one connection, which is made anew when it breaks.
final class StreamCarrier: Carrier {
    private let target: StreamTarget
    private let wire: any StreamProtocol
    private let connection = Mutex<StreamConnection?>(nil)

    init(_ target: StreamTarget, _ wire: any StreamProtocol) throws(ShipError) {
        self.target = target
        self.wire = wire
        // Files that cannot be used are told at the start.
        _ = try target.tls?.configuration()
    }

    func carry(_ parcel: Parcel) -> Verdict {
        do {
            let connection = try current()
            let verdict = try wire.send(parcel, on: connection)
            if verdict != .accepted { drop() }
            return verdict
        } catch {
            drop()
            return .retry(
                reason: "cannot send to \(target.shown): \(HTTPCarrier.explain(error))", after: nil)
        }
    }

    func interrupt() { connection.withLock { $0 }?.close() }

    private func current() throws -> StreamConnection {
        if let known = connection.withLock({ $0 }), !known.isClosed { return known }
        let made = try StreamConnection(target)
        try wire.begin(made)
        connection.withLock { $0 = made }
        return made
    }

    private func drop() {
        let old = connection.withLock { connection in
            defer { connection = nil }
            return connection
        }
        old?.close()
    }
}

/// Appends parcels to a file, or writes them to standard output.
final class FileCarrier: Carrier {
    private let path: String

    /// `-` is standard output.
    init(_ path: String) { self.path = path }

    func carry(_ parcel: Parcel) -> Verdict {
        if path == "-" {
            return FileBytes.writeAll(parcel.body, to: STDOUT_FILENO)
                ? .accepted
                : .retry(
                    reason: "cannot write to standard output: \(ShipError.reason(errno))",
                    after: nil)
        }
        // Opened each time: a file that logrotate moved away is made anew.
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard file >= 0 else {
            return .retry(reason: "cannot open \(path): \(ShipError.reason(errno))", after: nil)
        }
        defer { close(file) }
        let size = lseek(file, 0, SEEK_END)
        guard FileBytes.writeAll(parcel.body, to: file), fdatasync(file) == 0 else {
            let reason = ShipError.reason(errno)
            // What was written of it is taken away, so that it does not come twice.
            if size >= 0 { ftruncate(file, size) }
            return .retry(reason: "cannot write \(path): \(reason)", after: nil)
        }
        return .accepted
    }

    func interrupt() {}
}
