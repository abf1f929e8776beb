// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HTTPAPI
import Logging
import Matching
import Model
import Synchronization
import TestSupport

/// Series in memory; a cursor may be made to yield forever.
final class MemoryQuerier: SeriesQuerier {
    struct Series {
        let labels: Labels
        let times: [Milliseconds]
        let values: [Double]
    }

    let all: [Series]
    let descriptors: [MetricDescriptor]
    /// Runs that endless cursors yielded so far.
    let endlessReads = Atomic<Int>(0)
    let openCursors = Atomic<Int>(0)

    init(_ all: [Series], _ descriptors: [MetricDescriptor] = []) {
        self.all = all
        self.descriptors = descriptors
    }

    func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        let compiled = try CompiledMatchers(matchers)
        return all.filter { compiled.match($0.labels) && overlaps($0, range) }.map { one in
            let isEndless = one.labels[Labels.metricName] == "endless"
            return SelectedSeries(
                labels: one.labels,
                cursor: Cursor(one, range, endless: isEndless ? self : nil))
        }
    }

    private func overlaps(_ one: Series, _ range: TimeRange) -> Bool {
        one.times.contains { $0 >= range.start && $0 <= range.end }
    }

    func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] {
        let found = try select(matchers, in: range, hints: SelectHints()).map(\.labels)
        return limit > 0 ? Array(found.prefix(limit)) : found
    }

    func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] {
        let found = try series(matchers, in: range, limit: 0)
        return Set(found.flatMap { $0.pairs.map(\.name) }).sorted()
    }

    func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String] {
        let found = try series(matchers, in: range, limit: 0).map { $0[name] }
        return Set(found.filter { !$0.isEmpty }).sorted()
    }

    func metadata() throws -> [MetricDescriptor] { descriptors }

    private final class Cursor: SampleCursor {
        var rest: [(Milliseconds, Double)]
        let endless: MemoryQuerier?
        var time: Milliseconds

        init(_ one: Series, _ range: TimeRange, endless: MemoryQuerier?) {
            rest = zip(one.times, one.values)
                .filter { $0.0 >= range.start && $0.0 <= range.end }
            time = range.start
            self.endless = endless
            endless?.openCursors.add(1, ordering: .relaxed)
        }

        deinit { _ = endless?.openCursors.subtract(1, ordering: .relaxed) }

        func next(into buffer: inout SampleBuffer) throws -> Bool {
            buffer.removeAll()
            if let endless {
                endless.endlessReads.add(1, ordering: .relaxed)
                time += 1
                buffer.timestamps = [time]
                buffer.values = [1]
                return true
            }
            buffer.timestamps = rest.map(\.0)
            buffer.values = rest.map(\.1)
            rest = []
            return !buffer.timestamps.isEmpty
        }
    }
}

extension MemoryQuerier: ExpositionSource {
    func expose(_ request: ExpositionRequest, into output: inout [UInt8]) {
        output += "# HELP up Up.\nup 1\n".utf8
    }
}

/// A server on a free port with what it serves.
final class TestServer: Sendable {
    let port: Int
    let querier: MemoryQuerier
    let counters: ServingCounters
    private let task: Task<Void, any Error>

    init(
        _ series: [MemoryQuerier.Series] = [], descriptors: [MetricDescriptor] = [],
        _ adjust: (inout Services) -> Void = { _ in }
    ) async throws {
        let querier = MemoryQuerier(series, descriptors)
        var services = Services(
            querier: querier, exposition: querier, containers: { [] }, notReady: { nil },
            version: "9.9.9")
        services.limits.concurrency = 2
        adjust(&services)
        let (ports, running) = AsyncStream<Int>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = HTTPServer(
            address: .tcp(host: "127.0.0.1", port: 0), services: services, logger: logger
        ) { port in
            running.yield(port ?? 0)
        }
        task = Task { try await server.run() }
        self.querier = querier
        counters = services.counters
        var iterator = ports.makeAsyncIterator()
        port = await iterator.next() ?? 0
    }

    deinit { task.cancel() }

    /// A connection, to write to and read from.
    func connect() throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(
                    descriptor, .init(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failed(what: "connecting", errno: errno) }
        return descriptor
    }

    struct Failed: Error {
        let what: String
        let errno: Int32
    }

    struct Reply: Sendable {
        var status = 0
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// One request on a connection of its own. The server's tasks need the threads that a test
    /// would block, so the waiting is done on another.
    func request(
        _ method: String = "GET", _ target: String, headers: [String: String] = [:],
        body: [UInt8] = []
    ) async throws -> Reply {
        try await Self.blocking { try self.exchange(method, target, headers, body) }
    }

    static func blocking<T: Sendable>(
        _ work: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await withCheckedThrowingContinuation { done in
            Thread.detachNewThread { done.resume(with: Result { try work() }) }
        }
    }

    private func exchange(
        _ method: String, _ target: String, _ headers: [String: String], _ body: [UInt8]
    ) throws -> Reply {
        let descriptor = try connect()
        defer { close(descriptor) }
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if !body.isEmpty || method == "POST" { head += "Content-Length: \(body.count)\r\n" }
        try Self.send(Array((head + "\r\n").utf8) + body, to: descriptor)
        return try Self.read(from: descriptor)
    }

    func post(_ target: String, form: String) async throws -> Reply {
        try await request(
            "POST", target, headers: ["Content-Type": "application/x-www-form-urlencoded"],
            body: Array(form.utf8))
    }

    static func send(_ bytes: [UInt8], to descriptor: Int32) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            // A server that refuses a long body may close before it has read all of it.
            guard count > 0 else { return }
            sent += count
        }
    }

    static func read(from descriptor: Int32) throws -> Reply {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw Failed(what: "reading an answer", errno: errno)
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .components(separatedBy: "\r\n")
        var reply = Reply()
        reply.status = Int(lines[0].split(separator: " ")[1]) ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            reply.headers[parts[0].lowercased()] =
                parts[1].trimmingCharacters(in: .whitespaces)
        }
        reply.body = Array(bytes[end.upperBound...])
        return reply
    }
}

/// `up` of two jobs, a counter with odd values, and names that are hard on writers.
func sampleSeries() -> [MemoryQuerier.Series] {
    [
        .init(labels: ["__name__": "up", "job": "a"], times: [1000, 2000], values: [1, 0.5]),
        .init(labels: ["__name__": "up", "job": "b"], times: [1000, 2500], values: [1, 1e21]),
        .init(
            labels: ["__name__": "odd", "l": "<&>\n\"\\é"], times: [1000], values: [.infinity]),
    ]
}

/// Waits until `condition` holds, at most 20 seconds, without blocking a thread.
func comesTrue(_ condition: () -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now.advanced(by: .seconds(20))
    while ContinuousClock.now < deadline {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(10))  // the poll interval of a deadline loop
    }
    return condition()
}
