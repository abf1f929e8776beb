// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Model
import TestSupport
import Testing

/// What other Prometheus servers take from this one.
@Suite("Federation and remote read")
struct ExportTests {
    /// A `prometheus.ReadRequest` for 0 to 5000 ms of `up{job=~"a|c"}`, field by field.
    private static let request: [UInt8] = {
        let name: [UInt8] = [0x12, 8] + Array("__name__".utf8) + [0x1a, 2] + Array("up".utf8)
        let job: [UInt8] = [0x08, 2, 0x12, 3] + Array("job".utf8) + [0x1a, 3] + Array("a|c".utf8)
        let query: [UInt8] =
            [0x10, 0x88, 0x27, 0x1a, UInt8(name.count)] + name + [0x1a, UInt8(job.count)] + job
        return [0x0a, UInt8(query.count)] + query
    }()

    private func read(_ server: TestServer, _ message: [UInt8]) async throws -> TestServer.Reply {
        try await server.request(
            "POST", "/api/v1/read",
            headers: ["Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"],
            body: Snappy.compress(message))
    }

    @Test("Remote read gives the samples, to the bit")
    func remoteRead() async throws {
        let stale = StaleMarker.value
        let server = try await TestServer([
            .init(
                labels: ["__name__": "up", "job": "a"], times: [1000, 2000], values: [1, stale]),
            .init(labels: ["__name__": "up", "job": "b"], times: [1000], values: [1]),
        ])
        let reply = try await read(server, Self.request)
        #expect(reply.status == 200)
        #expect(reply.headers["content-type"] == "application/x-protobuf")
        #expect(reply.headers["content-encoding"] == "snappy")
        let name: [UInt8] = [0x0a, 8] + Array("__name__".utf8) + [0x12, 2] + Array("up".utf8)
        let job: [UInt8] = [0x0a, 3] + Array("job".utf8) + [0x12, 1] + Array("a".utf8)
        let first: [UInt8] = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xe8, 0x07]
        let second: [UInt8] = [0x09, 2, 0, 0, 0, 0, 0, 0xf0, 0x7f, 0x10, 0xd0, 0x0f]
        var series: [UInt8] = []
        for (field, part) in [(0x0a, name), (0x0a, job), (0x12, first), (0x12, second)] {
            series += [UInt8(field), UInt8(part.count)] + part
        }
        let result = [0x0a, UInt8(series.count)] + series
        #expect(
            Snappy.decompress(reply.body, limit: 1 << 20) == [0x0a, UInt8(result.count)] + result)
    }

    @Test("A client that takes only chunks, or sends rubbish, is told so")
    func remoteReadErrors() async throws {
        let server = try await TestServer(sampleSeries())
        #expect(try await read(server, Self.request + [0x12, 1, 1]).status == 400)
        #expect(try await read(server, Self.request + [0x12, 2, 1, 0]).status == 200)
        #expect(try await read(server, [0x0a, 0x7f]).status == 400)
        let plain = try await server.request("POST", "/api/v1/read", body: Array("abc".utf8))
        #expect(plain.status == 400 && plain.text.contains("snappy"))
        // A block that claims to hold 4 GiB costs nothing.
        let bomb = try await server.request(
            "POST", "/api/v1/read", body: [0xff, 0xff, 0xff, 0xff, 0x0f, 0])
        #expect(bomb.status == 400)
    }

    @Test("A request cut short or changed anywhere is never a crash")
    func remoteReadFuzz() async throws {
        let server = try await TestServer(sampleSeries())
        var random = SplitMix(state: 7)
        for cut in 0..<Self.request.count {
            var bytes = Array(Self.request[..<cut])
            if cut > 0 { bytes[Int(random.next() % UInt64(cut))] = UInt8(random.next() & 255) }
            let status = try await read(server, bytes).status
            #expect([200, 400, 422].contains(status), "\(bytes)")
        }
    }

    @Test("Snappy gives back what was put in, and keeps to its limit")
    func snappy() {
        var random = SplitMix(state: 3)
        for size in [0, 1, 60, 100_000] {
            let bytes = (0..<size).map { _ in UInt8(random.next() & 15) }
            let block = Snappy.compress(bytes)
            #expect(Snappy.decompress(block, limit: size) == bytes)
            if size > 0 { #expect(Snappy.decompress(block, limit: size - 1) == nil) }
            #expect(size == 0 || Snappy.decompress(Array(block.dropLast()), limit: size) == nil)
        }
    }

    @Test("Federation gives the newest sample of each series, with its time")
    func federate() async throws {
        let now = Milliseconds(Date().timeIntervalSince1970 * 1000)
        let (old, new) = (now - 60_000, now - 30_000)
        let server = try await TestServer(
            [
                .init(
                    labels: ["__name__": "b", "l": "\"\n"], times: [old, new], values: [1, 2.5]),
                .init(labels: ["__name__": "a"], times: [old], values: [7]),
                .init(
                    labels: ["__name__": "a", "l": "gone"], times: [old, new],
                    values: [1, StaleMarker.value]),
            ], descriptors: [MetricDescriptor("a", .gauge, help: "An a.")])
        let reply = try await server.request("GET", "/federate?match[]=a&match[]=b")
        #expect(
            reply.text == "# HELP a An a.\n# TYPE a gauge\na 7 \(old)\n# TYPE b untyped\n"
                + "b{l=\"\\\"\\n\"} 2.5 \(new)\n")
        #expect(try await server.request("GET", "/federate").text == "")
        #expect(try await server.request("GET", "/federate?match[]=a%7B").status == 400)
    }

    @Test("A long answer is compressed for those who take it")
    func compression() async throws {
        let series = (0..<200).map {
            MemoryQuerier.Series(
                labels: ["__name__": "many", "n": "\($0)"], times: [1000], values: [1])
        }
        let server = try await TestServer(series)
        let target = "/api/v1/query?query=many&time=1"
        let plain = try await server.request("GET", target)
        #expect(plain.headers["content-encoding"] == nil)
        let small = try await server.request(
            "GET", target, headers: ["Accept-Encoding": "br, gzip;q=0.5"])
        #expect(small.headers["content-encoding"] == "gzip")
        #expect(small.body.count * 4 < plain.body.count)
        #expect(try await TestServer.blocking { try gunzip(small.body) } == plain.body)
        let refused = try await server.request(
            "GET", target, headers: ["Accept-Encoding": "gzip;q=0"])
        #expect(refused.headers["content-encoding"] == nil)
    }
}

/// What gzip(1) makes of `bytes`.
private func gunzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let directory = try TemporaryDirectory("gzip")
    let file = directory.appending("answer.gz")
    try Data(bytes).write(to: URL(filePath: file))
    let process = Process()
    process.executableURL = URL(filePath: "/bin/gzip")
    process.arguments = ["-dc", file]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Array(data)
}
