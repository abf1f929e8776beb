// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Model
import Outputs
import SeriesStore
import TestSupport
import Testing

/// Samples compared one by one with what real servers have got.
@Suite("Remote write", .serialized)
struct RemoteWriteTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("remote-write") }

    /// What the store has, stale markers left out, by canonical labels.
    private func stored(_ store: SeriesStore) throws -> [String: [Double: String]] {
        var result: [String: [Double: String]] = [:]
        let all = TimeRange(start: .min, end: .max)
        var buffer = SampleBuffer()
        for series in try store.select(
            [Matcher("__name__", .notEqual, "")], in: all, hints: SelectHints())
        {
            let key = Self.key(
                Dictionary(uniqueKeysWithValues: series.labels.pairs.map { ($0.name, $0.value) }))
            while try series.cursor.next(into: &buffer) {
                for (time, value) in zip(buffer.timestamps, buffer.values)
                where !StaleMarker.isStale(value) {
                    result[key, default: [:]][Double(time) / 1000] = String(value)
                }
            }
        }
        return result
    }

    private static func key(_ labels: [String: String]) -> String {
        labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\u{1}")
    }

    /// What a server has, by its API.
    private func received(
        _ server: Server, from start: Milliseconds, seconds: Int
    ) throws -> [String: [Double: String]] {
        let end = start + Int64(seconds) * 1000
        let text = try server.get(
            "/api/v1/query",
            [
                "query={__name__=~\"ullage_test_.*\"}[\(seconds + 10)s]",
                "time=\(Double(end) / 1000)",
            ])
        guard let text, let answer = JSONValue(Array(text.utf8)) else { return [:] }
        var result: [String: [Double: String]] = [:]
        for series in answer["data"]["result"].array {
            let key = Self.key(series["metric"].object.compactMapValues(\.string))
            for pair in series["values"].array {
                guard case .number(let time) = pair.array.first, let value = pair.array.last?.string
                else { continue }
                result[key, default: [:]][time] = String(Double(value) ?? .nan)
            }
        }
        return result
    }

    /// What VictoriaMetrics has, by its own API: a JSON document for each series.
    private func exported(_ server: Server) throws -> [String: [Double: String]] {
        let text = try server.get("/api/v1/export", ["match={__name__=~\"ullage_test_.*\"}"])
        var result: [String: [Double: String]] = [:]
        for line in (text ?? "").split(separator: "\n") {
            guard let series = JSONValue(Array(line.utf8)) else { continue }
            let key = Self.key(series["metric"].object.compactMapValues(\.string))
            for (time, value) in zip(series["timestamps"].array, series["values"].array) {
                // A stale marker is exported as null.
                guard case .number(let time) = time, case .number(let value) = value else {
                    continue
                }
                result[key, default: [:]][time / 1000] = String(value)
            }
        }
        return result
    }

    private func ship(
        _ store: SeriesStore, to url: String, records: Int = 100
    ) throws -> Delivery {
        var options = SinkOptions(
            name: "central", kind: .remoteWrite, destination: .http(try HTTPTarget(url: url)))
        options.delivery.fromOldest = true
        options.delivery.batch.records = records
        options.delivery.batch.age = 0
        options.delivery.poll = 10
        options.delivery.firstBackoff = 20
        let delivery = try Delivery.make(
            options, stores: ShipStores(feed: store), directory: directory.appending("ship")
        ) { _ in }
        delivery.start()
        return delivery
    }

    private func now() -> Milliseconds { Int64(Date().timeIntervalSince1970) * 1000 }

    private func compare(
        url: String, received: (_ from: Milliseconds) throws -> [String: [Double: String]]
    ) throws {
        let start = now() - 200_000
        let store = try makeStore(directory, ticks: 150, from: start)
        let delivery = try ship(store, to: url)
        let expected = try stored(store)
        #expect(expected.count == 6)
        let arrived = try eventually { try received(start) == expected }
        delivery.stop()
        #expect(arrived, "\(delivery.snapshot())")
        #expect(delivery.snapshot().refused == 0)
    }

    @Test("Prometheus gets every sample, and knows where a series ended")
    func prometheus() throws {
        let config = try directory.write("global: {}\n", to: "prometheus.yml")
        let data = directory.appending("prometheus")
        let server = try Server("/usr/bin/prometheus") { port in
            [
                "--config.file=\(config)", "--storage.tsdb.path=\(data)",
                "--web.listen-address=127.0.0.1:\(port)", "--web.enable-remote-write-receiver",
                "--log.level=error",
            ]
        }
        try compare(url: "http://127.0.0.1:\(server.port)/api/v1/write") {
            try received(server, from: $0, seconds: 190)
        }
        // A series that has ended is not found right after, though it is within the lookback.
        let gone = try server.get(
            "/api/v1/query",
            ["query=count(ullage_test_gauge)", "time=\(Double(now() - 200_000) / 1000 + 8)"])
        #expect(gone?.contains(",\"1\"]") == true, "\(gone ?? "")")
    }

    @Test(
        "VictoriaMetrics gets every sample",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/victoria-metrics")))
    func victoriaMetrics() throws {
        let data = directory.appending("vm")
        let server = try Server("/usr/bin/victoria-metrics") { port in
            [
                "-httpListenAddr=127.0.0.1:\(port)", "-storageDataPath=\(data)",
                "-retentionPeriod=1y", "-search.latencyOffset=0s", "-loggerLevel=ERROR",
                "-memory.allowedBytes=64MB", "-search.disableCache",
            ]
        }
        try compare(url: "http://127.0.0.1:\(server.port)/api/v1/write") { _ in
            try exported(server)
        }
    }

    @Test("A sink that is down gets everything when it is back, from a store that was reopened")
    func downForAWhile() throws {
        let start = now() - 200_000
        let config = try directory.write("global: {}\n", to: "prometheus.yml")
        let port = Server.freePort()
        let url = "http://127.0.0.1:\(port)/api/v1/write"
        do {
            let store = try makeStore(directory, ticks: 150, from: start, ticksPerBucket: 40)
            let delivery = try ship(store, to: url)
            #expect(eventually { (delivery.snapshot().attempts["retry"] ?? 0) > 2 })
            #expect(delivery.snapshot().lastError?.contains("cannot reach") == true)
            delivery.stop()
        }
        let store = try SeriesStore.open(directory: directory.appending("series"))
        try store.flush()
        let delivery = try ship(store, to: url)
        let data = directory.appending("prometheus")
        let server = try Server("/usr/bin/prometheus", port: port) { port in
            [
                "--config.file=\(config)", "--storage.tsdb.path=\(data)",
                "--web.listen-address=127.0.0.1:\(port)", "--web.enable-remote-write-receiver",
                "--log.level=error",
            ]
        }
        let expected = try stored(store)
        let arrived = try eventually {
            try received(server, from: start, seconds: 190) == expected
        }
        delivery.stop()
        #expect(arrived, "\(delivery.snapshot())")
    }
}
