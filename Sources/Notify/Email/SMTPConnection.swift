// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOSSL

/// A reply of an SMTP server: a code, and the text of each of its lines (RFC 5321, section 4.2).
struct SMTPReply: Sendable {
    let code: Int
    let lines: [String]

    /// The code and the first words, for messages.
    var summary: String {
        "\(code) " + HTTPPoster.printable(Array(lines.joined(separator: " ").utf8))
    }
}

/// A connection to an SMTP server: commands go out, replies come in.
final class SMTPConnection: Sendable {
    private let channel: any Channel
    private let replies: SMTPReplies

    private init(channel: any Channel, replies: SMTPReplies) {
        self.channel = channel
        self.replies = replies
    }

    /// Connects to `address`; with `tls`, encrypted from the first byte. The connection is closed
    /// after `timeout` milliseconds, whatever it is doing then.
    static func connect(
        address: String, port: Int, timeout: Int64, tls: (NIOSSLContext, name: String?)?
    ) async throws -> SMTPConnection {
        let replies = SMTPReplies()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.milliseconds(min(timeout, 10_000)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls.0, serverHostname: tls.name))
                    }
                    try channel.pipeline.syncOperations.addHandler(SMTPLineHandler(replies))
                }
            }
            .connect(host: address, port: port).get()
        channel.eventLoop.scheduleTask(in: .milliseconds(timeout)) {
            replies.fail("the exchange took longer than \(timeout) ms")
            channel.close(promise: nil)
        }
        return SMTPConnection(channel: channel, replies: replies)
    }

    /// The server's next reply.
    func reply() async throws(NotifyError) -> SMTPReply { try await replies.next() }

    /// Sends a line and waits for the reply.
    func command(_ line: String) async throws(NotifyError) -> SMTPReply {
        try await write(Array((line + "\r\n").utf8))
        return try await reply()
    }

    /// Sends bytes as they are.
    func write(_ bytes: [UInt8]) async throws(NotifyError) {
        do { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) } catch {
            // That it was closed for taking too long says more than that it is closed.
            throw replies.failure ?? NotifyError("the connection broke: \(error)")
        }
    }

    /// Goes over to TLS, after the server has agreed to. What it sent before that is not taken for
    /// something said within TLS: then the connection is given up (CVE-2011-0411).
    func startTLS(_ context: NIOSSLContext, name: String?) async throws(NotifyError) {
        guard replies.isDrained else {
            throw NotifyError("the server said more than it was asked before TLS began")
        }
        let channel = channel
        do {
            try await channel.eventLoop.submit {
                try channel.pipeline.syncOperations.addHandler(
                    NIOSSLClientHandler(context: context, serverHostname: name), position: .first)
            }.get()
        } catch { throw NotifyError("cannot begin TLS: \(error)") }
    }

    /// Closes the connection.
    func close() { channel.close(promise: nil) }
}

/// Hands the bytes that arrive to the one who waits for replies.
private final class SMTPLineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let replies: SMTPReplies

    init(_ replies: SMTPReplies) { self.replies = replies }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !replies.take(unwrapInboundIn(data).readableBytesView) { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        replies.fail("the connection broke: \(error)")
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        replies.fail("the server closed the connection")
    }
}
