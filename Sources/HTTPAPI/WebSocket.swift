// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The server's side of a WebSocket (RFC 6455) that only sends, within an answer of Hummingbird.
///
/// The answer is a 101 whose body are the frames: HTTP/1.1 does not frame the body of a 101, so its
/// bytes go out as they are. What the client sends is read by two handlers put in front of the
/// HTTP decoder, which answer pings and see it close.
enum WebSocket {
    /// Bytes a client's frame may have: it has nothing to say.
    private static let maxFrame = 4096

    /// The header fields of the answer that accepts a request; throws when it is no WebSocket's.
    static func accept(_ request: Request, _ channel: any Channel) async throws -> HTTPFields {
        var headers = HTTPHeaders()
        for field in request.headers { headers.add(name: field.name.rawName, value: field.value) }
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let isUpgrade = request.headers[.upgrade]?.lowercased() == "websocket"
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: request.uri.path, headers: headers)
        guard isUpgrade,
            let accepted = try? await upgrader.buildUpgradeResponse(
                channel: channel, upgradeRequest: head, initialResponseHeaders: [:]
            ).get()
        else {
            throw APIError(
                .badData, "this address speaks WebSocket: ask with `Upgrade: websocket`")
        }
        var fields: HTTPFields = [.upgrade: "websocket", .connection: "upgrade"]
        if let key = accepted["Sec-WebSocket-Accept"].first { fields[.secWebSocketAccept] = key }
        return fields
    }

    /// Begins to read the client's frames; `presence` is told when it closes.
    static func listen(on channel: any Channel, _ presence: ClientPresence) async throws {
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandlers(
                [
                    ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: maxFrame)),
                    WebSocketIntake(presence),
                ], position: .first)
        }.get()
    }

    /// What a frame is, by its number.
    enum Opcode: UInt8 {
        case text = 1
        case close = 8
        case ping = 9
        case pong = 10
    }

    /// A whole frame from the server, which is not masked.
    static func frame(_ opcode: Opcode, _ bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(bytes.count + 10)
        buffer.writeInteger(0x80 | opcode.rawValue)
        switch bytes.count {
        case 0..<126: buffer.writeInteger(UInt8(bytes.count))
        case 126..<65536:
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(bytes.count))
        default:
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(bytes.count))
        }
        buffer.writeBytes(bytes)
        return buffer
    }
}

/// Reads a client's frames: answers pings, sees it close, passes over the rest.
private final class WebSocketIntake: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = ByteBuffer

    private let presence: ClientPresence

    init(_ presence: ClientPresence) { self.presence = presence }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        var payload = frame.unmaskedData
        let bytes = payload.readBytes(length: min(payload.readableBytes, 125)) ?? []
        switch frame.opcode {
        case .ping:
            context.writeAndFlush(wrapOutboundOut(WebSocket.frame(.pong, bytes)), promise: nil)
        case .connectionClose:
            context.writeAndFlush(
                wrapOutboundOut(WebSocket.frame(.close, Array(bytes.prefix(2)))),
                promise: nil)
            presence.clientIsGone()
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        presence.clientIsGone()
        context.close(promise: nil)
    }
}
