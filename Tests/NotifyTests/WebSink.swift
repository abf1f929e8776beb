// SPDX-License-Identifier: Apache-2.0

import Codecs
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A web server that keeps what is posted to it and answers as told.
final class WebSink: Sendable {
    struct Posted: Sendable {
        let path: String
        let headers: [String: String]
        let body: [UInt8]

        var json: JSONValue { JSONValue(body) ?? .null }
    }

    private struct State {
        var posted: [Posted] = []
        var answers: [(status: Int, headers: [(String, String)])] = []
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    /// Listens on a free port of the loopback address.
    init() async throws {
        let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(Handler(self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = bound }
    }

    /// A port that was free a moment ago.
    static func freePort() async throws -> Int {
        let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        defer { bound.close(promise: nil) }
        return bound.localAddress?.port ?? 0
    }

    var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
    var url: String { "http://127.0.0.1:\(port)/hook" }
    var posted: [Posted] { state.withLock { $0.posted } }

    /// Answers the next requests with these statuses; 200 after them.
    func answer(_ statuses: Int..., headers: [(String, String)] = []) {
        state.withLock { $0.answers += statuses.map { ($0, headers) } }
    }

    fileprivate func take(_ request: Posted) -> (status: Int, headers: [(String, String)]) {
        state.withLock { state in
            state.posted.append(request)
            return state.answers.isEmpty ? (200, []) : state.answers.removeFirst()
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let sink: WebSink
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ sink: WebSink) { self.sink = sink }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
            case .body(let part): body += part.readableBytesView
            case .end:
                let headers = Dictionary(
                    (head?.headers.map { ($0.name.lowercased(), $0.value) } ?? []),
                    uniquingKeysWith: { $1 })
                let answer = sink.take(
                    Posted(path: head?.uri ?? "", headers: headers, body: body))
                var response = HTTPResponseHead(
                    version: .http1_1, status: .init(statusCode: answer.status))
                for (name, value) in answer.headers {
                    response.headers.add(name: name, value: value)
                }
                response.headers.add(name: "Content-Length", value: "0")
                context.write(wrapOutboundOut(.head(response)), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
