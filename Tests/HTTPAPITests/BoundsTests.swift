// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTPAPI
import Model
import Synchronization
import TestSupport
import Testing

/// What clients do to a server that must go on serving.
@Suite("Bounds of serving")
struct BoundsTests {
    private var endless: [MemoryQuerier.Series] {
        [.init(labels: ["__name__": "endless"], times: Array(0..<1000), values: [])]
    }

    private static let endlessQuery = "/api/v1/query?query=count_over_time(endless%5B10y%5D)&time=1"

    @Test("A body of 10 MB is refused, and the server goes on")
    func largeBody() async throws {
        let server = try await TestServer(sampleSeries())
        let reply = try? await server.post(
            "/api/v1/query", form: "query=" + String(repeating: "x", count: 10_000_000))
        #expect(reply == nil || reply?.status == 413)
        #expect(reply == nil || reply?.text.contains("larger than 1048576 bytes") == true)
        let chunked = try server.connect()
        defer { close(chunked) }
        var bytes = Array(
            ("POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n").utf8)
        let part = [UInt8](repeating: 0x78, count: 65536)
        for _ in 0..<20 { bytes += Array("10000\r\n".utf8) + part + Array("\r\n".utf8) }
        let request = bytes + Array("0\r\n\r\n".utf8)
        let refused = try await TestServer.blocking {
            try TestServer.send(request, to: chunked)
            return try TestServer.read(from: chunked)
        }
        #expect(refused.status == 413)
        #expect(try await server.request("GET", "/api/v1/query?query=up&time=1").status == 200)
    }

    @Test("Headers without end are refused")
    func largeHeaders() async throws {
        let server = try await TestServer()
        let reply = try? await server.request(
            "GET", "/metrics", headers: ["X-Long": String(repeating: "x", count: 200_000)])
        #expect(reply == nil || reply?.status == 431 || reply?.status == 400)
        #expect(try await server.request("GET", "/-/healthy").status == 200)
    }

    @Test("A client that does not finish its request does not keep its connection")
    func slowClients() async throws {
        let server = try await TestServer { $0.limits.requestTimeout = 1 }
        let (head, body) = (try server.connect(), try server.connect())
        defer {
            close(head)
            close(body)
        }
        try TestServer.send(Array("GET /metrics HTTP/1.1\r\nHost: local".utf8), to: head)
        let start =
            "POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + "Content-Length: 100\r\n\r\nquery="
        try TestServer.send(Array(start.utf8), to: body)
        // Reading ends when the server closes.
        for client in [head, body] {
            await #expect(throws: TestServer.Failed.self) {
                try await TestServer.blocking { try TestServer.read(from: client) }
            }
        }
    }

    @Test("A deeply nested query is an answer, not a crash")
    func nesting() async throws {
        let server = try await TestServer(sampleSeries())
        let query = String(repeating: "(", count: 100_000)
        #expect(try await server.post("/api/v1/query", form: "query=" + query).status == 400)
        #expect(try await server.request("GET", "/-/healthy").status == 200)
    }

    @Test("A query whose time is up ends with 503")
    func timeout() async throws {
        let server = try await TestServer(endless)
        let reply = try await server.request("GET", Self.endlessQuery + "&timeout=50ms")
        #expect(reply.status == 503)
        #expect(reply.text.contains(#""errorType":"timeout""#), "\(reply.text)")
    }

    @Test("A client that goes away ends its query")
    func cancelled() async throws {
        let server = try await TestServer(endless)
        let client = try server.connect()
        try TestServer.send(
            Array("GET \(Self.endlessQuery) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8), to: client)
        #expect(try await comesTrue { server.querier.endlessReads.load(ordering: .relaxed) > 0 })
        close(client)
        #expect(try await comesTrue { server.counters.snapshot.queries["canceled"] == 1 })
        #expect(server.querier.openCursors.load(ordering: .relaxed) == 0)
    }

    @Test("More queries than may run and wait are refused at once")
    func crowd() async throws {
        let server = try await TestServer(endless) {
            $0.limits.concurrency = 1
            $0.limits.queue = 1
        }
        var clients: [Int32] = []
        for _ in 0..<2 {
            let client = try server.connect()
            clients.append(client)
            try TestServer.send(
                Array("GET \(Self.endlessQuery) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
                to: client)
        }
        #expect(try await comesTrue { server.counters.snapshot.inFlight == 2 })
        let refused = try await server.request("GET", "/api/v1/query?query=up")
        #expect(refused.status == 503)
        #expect(refused.text.contains("too many queries"))
        for client in clients { close(client) }
        #expect(try await comesTrue { server.counters.snapshot.inFlight == 0 })
        #expect(try await server.request("GET", "/api/v1/query?query=1").status == 200)
    }

    @Test("Requests are counted by route and code")
    func counters() async throws {
        let server = try await TestServer(sampleSeries())
        _ = try await server.request("GET", "/api/v1/label/a/values")
        _ = try await server.request("GET", "/api/v1/query?query=up%7B")
        _ = try await server.request("GET", "/\(Int.random(in: 0...9))/nosuch")
        let counts = server.counters.snapshot.requests
        #expect(counts.count == 3)
        #expect(counts.keys.contains { $0.handler.contains("label") && $0.code == 200 })
        #expect(counts[.init(handler: "/api/v1/query", code: 400)] == 1)
        #expect(counts.keys.contains { $0.handler == "other" && $0.code == 404 })
    }
}
