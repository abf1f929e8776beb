// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// Speaks HTTP/1.1 to an agent, over its Unix socket or over TCP: one request, one connection.
struct APIClient {
    /// Where an agent listens.
    enum Endpoint: Equatable {
        case unixSocket(path: String)
        case tcp(host: String, port: Int)

        /// Reads `unix:///path`, `http://host[:port]` or a bare `host:port`.
        init(parsing text: String) throws {
            if let path = text.removingPrefix("unix://"), path.hasPrefix("/") {
                self = .unixSocket(path: path)
                return
            }
            guard !text.hasPrefix("https://") else {
                throw Failure(
                    .usage,
                    "cannot reach \(text): https is not supported; use a TLS proxy's "
                        + "plain side or an SSH tunnel")
            }
            let authority = (text.removingPrefix("http://") ?? text).prefix { $0 != "/" }
            guard let (host, port) = Self.split(authority: String(authority)) else {
                throw Failure(
                    .usage,
                    "`\(Terminal.safe(text))` is not an address: expected "
                        + "unix:///path/to/socket or http://host:port")
            }
            self = .tcp(host: host, port: port)
        }

        /// What a request's `Host` says.
        var authority: String {
            guard case .tcp(let host, let port) = self else { return "localhost" }
            return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }

        private static func split(authority: String) -> (String, Int)? {
            guard let colon = authority.lastIndex(of: ":") else {
                return authority.isEmpty ? nil : (authority, 80)
            }
            let host = authority[..<colon].filter { $0 != "[" && $0 != "]" }
            guard !host.isEmpty, let port = Int(authority[authority.index(after: colon)...]),
                (1...65535).contains(port)
            else { return nil }
            return (String(host), port)
        }
    }

    /// What came back.
    struct Response {
        var status: Int
        var body: [UInt8]
    }

    let endpoint: Endpoint
    /// What stands before every path, such as `/prometheus` behind a proxy; empty for nothing.
    var prefix = ""
    /// Seconds until a request is given up.
    var timeout = 30.0
    /// Bytes of body after which an answer is refused.
    static let maxBody = 256 << 20

    /// The path of an address, without a slash at its end: where a server's API is mounted.
    static func prefix(of address: String) -> String {
        guard !address.hasPrefix("unix://") else { return "" }
        let rest = address.removingPrefix("http://") ?? address
        guard let slash = rest.firstIndex(of: "/") else { return "" }
        var path = rest[slash...].prefix { $0 != "?" && $0 != "#" }
        while path.hasSuffix("/") { path.removeLast() }
        let safe = path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        return safe
            ? String(path)
            : path.split(separator: "/").map { "/" + escape(String($0)) }
                .joined()
    }

    /// Sends a GET for `path` with `query` as its parameters.
    func get(_ path: String, query: [(String, String)] = []) async throws -> Response {
        try await request(.GET, path, query: query, body: [])
    }

    private func request(
        _ method: HTTPMethod, _ path: String, query: [(String, String)], body: [UInt8]
    ) async throws -> Response {
        let parameters = query.map { "\(Self.escape($0.0))=\(Self.escape($0.1))" }
        let full = prefix + path
        let uri = parameters.isEmpty ? full : full + "?" + parameters.joined(separator: "&")
        do {
            return try await withDeadline { try await send(method, uri, body) }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.unavailable, unreachable(because: error))
        }
    }

    /// Sends a GET and decodes the `data` of a Prometheus-style answer, or throws what it says.
    func data<T: Decodable>(
        _ path: String, query: [(String, String)] = [], as type: T.Type = T.self
    ) async throws -> Envelope<T> {
        let response = try await get(path, query: query)
        let decoded = try? JSONDecoder().decode(Envelope<T>.self, from: Data(response.body))
        guard let decoded else {
            throw Failure(
                .badData,
                "the agent's answer to \(path) (HTTP \(response.status)) is not what was "
                    + "expected: is another program listening there?")
        }
        guard decoded.status == "success" else {
            throw Failure(
                decoded.errorType == "not_found" ? .no : .badData,
                Terminal.safe(decoded.error ?? "HTTP \(response.status)", limit: 2000))
        }
        return decoded
    }

    /// Sends a request that changes something and decodes the answer, or throws what it says.
    func change<T: Decodable>(
        _ method: String, _ path: String, query: [(String, String)] = [], body: [UInt8] = [],
        as type: T.Type
    ) async throws -> T {
        let response = try await request(
            HTTPMethod(rawValue: method), path, query: query, body: body)
        return try Self.decode(response, path)
    }

    /// Sends a GET and decodes a list that stands in no envelope.
    func list<T: Decodable>(_ path: String, of type: T.Type) async throws -> [T] {
        try Self.decode(try await get(path), path)
    }

    private struct Refusal: Decodable {
        var error: String
    }

    private static func decode<T: Decodable>(_ response: Response, _ path: String) throws -> T {
        let data = Data(response.body)
        if response.status == 200, let value = try? JSONDecoder().decode(T.self, from: data) {
            return value
        }
        let reason = (try? JSONDecoder().decode(Refusal.self, from: data))?.error
        throw Failure(
            .badData,
            reason.map { Terminal.safe($0, limit: 2000) }
                ?? "the agent's answer to \(path) (HTTP \(response.status)) is not what was expected"
        )
    }

    private func send(
        _ method: HTTPMethod, _ uri: String, _ body: [UInt8]
    ) async throws -> Response {
        let channel = try await connect()
        return try await channel.executeThenClose { inbound, outbound in
            var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri)
            head.headers.add(name: "Host", value: endpoint.authority)
            head.headers.add(name: "User-Agent", value: "ullage/\(Version.number)")
            head.headers.add(name: "Connection", value: "close")
            if method != .GET {
                head.headers.add(name: "Content-Type", value: "application/json")
                head.headers.add(name: "Content-Length", value: "\(body.count)")
            }
            // All at once: a server that answers and closes as soon as it has the head must not make
            // the writing of the rest fail.
            var parts: [HTTPClientRequestPart] = [.head(head)]
            if !body.isEmpty { parts.append(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
            try await outbound.write(contentsOf: parts + [.end(nil)])
            var response = Response(status: 0, body: [])
            for try await part in inbound {
                switch part {
                case .head(let head): response.status = Int(head.status.code)
                case .body(let bytes):
                    guard response.body.count + bytes.readableBytes <= Self.maxBody else {
                        throw Failure(.badData, "the agent's answer is over \(Self.maxBody) bytes")
                    }
                    response.body.append(contentsOf: bytes.readableBytesView)
                case .end: return response
                }
            }
            throw Failure(.unavailable, "the agent closed the connection in mid-answer")
        }
    }

    func connect() async throws
        -> NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
    {
        let bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.seconds(5))
        let initialise:
            @Sendable (any Channel) -> EventLoopFuture<
                NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
            > = { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
        switch endpoint {
        case .unixSocket(let path):
            return try await bootstrap.connect(
                unixDomainSocketPath: path, channelInitializer: initialise)
        case .tcp(let host, let port):
            return try await bootstrap.connect(
                host: host, port: port, channelInitializer: initialise)
        }
    }

    private func withDeadline(
        _ body: @escaping @Sendable () async throws -> Response
    ) async throws -> Response {
        let seconds = timeout
        return try await withThrowingTaskGroup(of: Response.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw Failure(.timeout, "no answer from the agent within \(seconds) s")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    func unreachable(because error: any Error) -> String {
        switch endpoint {
        case .unixSocket(let path):
            return "cannot reach the agent at \(path) (\(error)): is `ullage agent` running "
                + "with this --data-dir?"
        case .tcp(let host, let port):
            return "cannot reach an agent at \(host):\(port) (\(error)): is it running there?"
        }
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters.
    static func escape(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The envelope of Prometheus' HTTP API.
struct Envelope<Payload: Decodable>: Decodable {
    var status: String
    var data: Payload?
    var error: String?
    var errorType: String?
    var warnings: [String]?
    var infos: [String]?
}

extension String {
    /// The rest after `prefix`, or nil when the string starts otherwise.
    func removingPrefix(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
