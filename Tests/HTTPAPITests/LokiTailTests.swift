// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTPAPI
import LogStore
import Model
import TestSupport
import Testing

/// The client's side of a WebSocket, as far as a test needs it.
private struct SocketClient {
    let descriptor: Int32

    init(_ server: TestServer, _ target: String) throws {
        descriptor = try server.connect()
        let head =
            "GET \(target) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        try TestServer.send(Array(head.utf8), to: descriptor)
    }

    /// Bytes, or fewer when the server closes.
    private func read(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var at = 0
        while at < count {
            let got = bytes[at...].withUnsafeMutableBytes {
                Glibc.recv(descriptor, $0.baseAddress, $0.count, 0)
            }
            guard got > 0 else { return Array(bytes[..<at]) }
            at += got
        }
        return bytes
    }

    func head() -> String {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let next = read(1)
            guard !next.isEmpty else { break }
            bytes += next
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The next frame that is no ping: its opcode and text; nil at the end.
    func frame() -> (opcode: UInt8, text: String)? {
        while true {
            let start = read(2)
            guard start.count == 2 else { return nil }
            var length = Int(start[1])
            if length == 126 { length = read(2).reduce(0) { $0 << 8 | Int($1) } }
            if length == 127 { length = read(8).reduce(0) { $0 << 8 | Int($1) } }
            let text = String(decoding: read(length), as: UTF8.self)
            if start[0] != 0x89 { return (start[0] & 15, text) }
        }
    }

    /// A frame as clients send it, masked with zeros.
    func send(_ opcode: UInt8, _ payload: [UInt8] = []) throws {
        let frame: [UInt8] = [0x80 | opcode, 0x80 | UInt8(payload.count), 0, 0, 0, 0] + payload
        try TestServer.send(frame, to: descriptor)
    }
}

@Suite struct LokiTailTests {
    private static let query =
        "/loki/api/v1/tail?query=%7Bcontainer%3D%22web%22%7D%20%7C%3D%20%22x%22"

    @Test func linesComeOnceInOrderAndTheClientCanClose() async throws {
        let loki = try await LokiServer()
        let now = Int64(Date().timeIntervalSince1970) * 1_000_000_000
        try loki.add("x first", of: "web", .stdout, .info, at: now - 2)
        try loki.add("x second", of: "web", .stdout, .info, at: now - 1)
        try loki.add("other", of: "web", .stdout, .info, at: now)
        let server = loki.server
        let (client, head, first) = try await TestServer.blocking {
            let client = try SocketClient(server, Self.query)
            return (client, client.head(), client.frame()?.text ?? "")
        }
        #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        // The example of RFC 6455, section 1.3.
        #expect(head.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        #expect(
            first
                == #"{"streams":[{"stream":{"container":"web","container_id":"id-web","detected_level":"info","engine":"docker","level":"info","service_name":"web","stream":"stdout"},"values":[["\#(now - 2)","x first"],["\#(now - 1)","x second"]]}],"dropped_entries":[]}"#
        )
        try loki.add("not wanted", of: "web", .stdout, .info, at: now + 5)
        // Older than what was shown, and still new.
        try loki.add("x third", of: "web", .stdout, .info, at: now - 5)
        let rest = try await TestServer.blocking {
            let third = client.frame()?.text ?? ""
            try client.send(9, Array("hi".utf8))
            let pong = client.frame()
            try client.send(8, [3, 232])
            let close = client.frame()
            let end = client.frame()
            close_(client.descriptor)
            return (third, pong?.opcode, pong?.text, close?.opcode, end == nil)
        }
        #expect(rest.0.contains(#"[["\#(now - 5)","x third"]]"#))
        #expect(!rest.0.contains("second"))
        #expect(rest.1 == 10 && rest.2 == "hi")
        #expect(rest.3 == 8)
        #expect(rest.4)
    }

    @Test func whatIsNoWebSocketIsRefused() async throws {
        let loki = try await LokiServer()
        let plain = try await loki.server.request("GET", Self.query)
        #expect(plain.status == 400 && plain.text.contains("WebSocket"))
        let metric = try await loki.server.request("GET", "/loki/api/v1/tail?query=vector(1)")
        #expect(metric.status == 400 && metric.text.contains("only a query for lines"))
    }

    @Test func garbageFromAClientEndsItsTail() async throws {
        let loki = try await LokiServer()
        let server = loki.server
        let isOver = try await TestServer.blocking {
            let client = try SocketClient(server, Self.query)
            _ = client.head()
            try TestServer.send([UInt8](repeating: 0xff, count: 10_000), to: client.descriptor)
            while client.frame() != nil {}
            close_(client.descriptor)
            return true
        }
        #expect(isOver)
        let ready = try await loki.server.request("GET", "/ready")
        #expect(ready.status == 200)
    }
}

private func close_(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
