// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Model
import Outputs
import SeriesStore
import TestSupport
import Testing

/// The receiver of `Tests/Shipping`, which decodes requests by itself and fails as it is told.
struct Receiver {
    let server: Server
    let port: Int
    private let records: String

    init(_ directory: TemporaryDirectory, faults: String = "") throws {
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Shipping/receiver.py").path
        let name = UUID().uuidString.prefix(8)
        let file = directory.appending("port-\(name)")
        let records = directory.appending("records-\(name)")
        server = try Server("/usr/bin/python3", port: 0) { _ in
            ["-B", script, "--port-file", file, "--records", records, "--faults", faults]
        }
        self.records = records
        let isUp = eventually { contents(file) != nil }
        port = isUp ? Int(contents(file) ?? "") ?? 0 : 0
    }

    /// What arrived, in order.
    func taken() -> [JSONValue] {
        (contents(records) ?? "").split(separator: "\n").compactMap { JSONValue(Array($0.utf8)) }
    }

    /// Requests whose records were kept.
    func requests() -> [JSONValue] {
        (contents(records + ".requests") ?? "").split(separator: "\n")
            .compactMap { JSONValue(Array($0.utf8)) }
    }
}

/// Logs of two containers, as a querier.
struct FewLogs: LogQuerier {
    static let web = LogIdentity(
        id: "aaa", name: "web", createdAt: 0, labels: ["engine": "docker", "image": "nginx"])
    static let other = LogIdentity(id: "b b", name: "o\"ther", createdAt: 0)
    var count = 25

    private final class Cursor: LogCursor {
        var rest: ArraySlice<LogEntry>
        init(_ entries: [LogEntry]) { rest = entries[...] }
        func next() throws -> LogEntry? { rest.popFirst() }
        // Shipping takes entries one by one.
        func forEach(_ body: (LogEntryView) throws -> Bool) throws { rest = [] }
    }

    func line(_ number: Int, _ origin: Int) -> [UInt8] {
        switch number {
        case 3: Array("quote \" back \\ tab \t".utf8)
        case 4: [0x66, 0xff, 0x6f]
        case 5: []
        default: Array("line \(number) of \(origin) ü".utf8)
        }
    }

    func logs(_ matchers: [Matcher]) throws -> [LogIdentity] { [Self.web, Self.other] }

    func select(_ query: LogQuery) throws -> any LogCursor {
        try entries(query, of: try logs([]))
    }

    func entries(_ query: LogQuery, of identities: [LogIdentity]) throws -> any LogCursor {
        var found: [LogEntry] = []
        for number in 0..<count {
            for (origin, identity) in identities.enumerated()
            where Int64(number) >= query.from[identity.id] ?? 0 {
                found.append(
                    LogEntry(
                        timestamp: 1_700_000_000_000_000_000 + Int64(number) * 1_000_001,
                        stream: number % 5 == 4 ? .stderr : .stdout,
                        level: number % 3 == 0 ? .error : .info, bytes: line(number, origin),
                        sequence: Int64(number), origin: origin))
            }
        }
        return Cursor(query.backward ? found.reversed() : found)
    }

    func extents(
        _ identities: [LogIdentity], from start: Int64, to end: Int64
    ) throws -> [LogExtent] { identities.map { _ in LogExtent() } }
}

@Suite("What goes over the wire")
struct WireTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("wire") }

    private func sink(
        _ kind: SinkOptions.Kind, _ url: String, _ change: (inout SinkOptions) -> Void = { _ in }
    ) throws -> SinkOptions {
        var options = SinkOptions(
            name: "sink", kind: kind, destination: .http(try HTTPTarget(url: url)))
        options.delivery = .hasty
        change(&options)
        return options
    }

    private func start(_ options: SinkOptions, _ stores: ShipStores) throws -> Delivery {
        let delivery = try Delivery.make(
            options, stores: stores, directory: directory.appending("ship")
        ) { _ in }
        delivery.start()
        return delivery
    }

    private func emptyStore() throws -> SeriesStore {
        try SeriesStore.open(directory: directory.appending("empty"))
    }

    /// What every log sink must have brought, whatever its shape.
    private func expectLines(
        _ taken: [JSONValue], text: (JSONValue) -> String?, time: (JSONValue) -> String?
    ) {
        let logs = FewLogs()
        for origin in 0..<2 {
            let mine = taken.enumerated().filter { record in
                let labels = record.element["labels"]
                let name =
                    labels["container"].string ?? labels["container.name"].string
                    ?? record.element["object"]["container"].string ?? labels.string ?? ""
                return name.contains("web") == (origin == 0)
            }.map(\.element)
            let byTime = mine.sorted { (time($0) ?? "") < (time($1) ?? "") }
            #expect(
                byTime.map { text($0) }
                    == (0..<25).map { String(decoding: logs.line($0, origin), as: UTF8.self) })
        }
    }

    @Test(
        "Loki, OTLP, VictoriaLogs, Elasticsearch and plain HTTP get every line as it was",
        arguments: [1, 3])
    func logs(parts: Int) throws {
        let receiver = try Receiver(directory)
        let stores = ShipStores(feed: try emptyStore(), logs: FewLogs())
        let base = "http://127.0.0.1:\(receiver.port)"
        var seen = 0
        for (kind, encoding, path) in [
            (SinkOptions.Kind.loki, SinkOptions.Encoding.protobuf, "/loki/api/v1/push"),
            (.loki, .json, "/loki/api/v1/push"), (.otlpLogs, .protobuf, "/v1/logs"),
            (.otlpLogs, .json, "/v1/logs"), (.victoriaLogs, .ndjson, "/insert/jsonline"),
            (.elasticsearch, .ndjson, "/_bulk"), (.http, .ndjson, "/any"), (.http, .json, "/any"),
        ] {
            let options = try sink(kind, base + path) {
                $0.name = "\(kind.rawValue)-\(encoding.rawValue)"
                $0.encoding = encoding
                $0.delivery.batch.parts = parts
                $0.http?.headers["X-Scope-OrgID"] = "blue"
                $0.http?.authentication = .basic(user: "u", password: .value("p"))
            }
            let delivery = try start(options, stores)
            #expect(eventually { receiver.taken().count >= seen + 50 }, "\(delivery.snapshot())")
            delivery.stop()
            let taken = Array(receiver.taken().dropFirst(seen))
            seen += 50
            #expect(taken.count == 50)
            expectLines(
                taken,
                text: {
                    $0["line"].string ?? $0["object"]["message"].string
                        ?? $0["object"]["_msg"].string
                },
                time: {
                    $0["time"].int.map { String($0) } ?? $0["object"]["time"].string
                        ?? $0["object"]["_time"].string ?? $0["object"]["@timestamp"].string
                })
            let headers = receiver.requests().last?["headers"] ?? .null
            #expect(headers["X-Scope-OrgID"].string == "blue")
            #expect(headers["Authorization"].string == "Basic dTpw")
        }
    }

    @Test("Documents have the same id when they are sent again")
    func documentIDs() throws {
        let receiver = try Receiver(directory, faults: "lost lost 503")
        let stores = ShipStores(feed: try emptyStore(), logs: FewLogs())
        let delivery = try start(
            try sink(.elasticsearch, "http://127.0.0.1:\(receiver.port)/_bulk"), stores)
        #expect(eventually { delivery.snapshot().records >= 50 })
        delivery.stop()
        let ids = receiver.taken().compactMap { $0["id"].string }
        #expect(ids.count == 70)
        #expect(Set(ids).count == 50)
    }

    @Test("Remote write 2.0 and OTLP carry every sample", arguments: [1, 2, 3], [1, 4])
    func samples(version: Int, parts: Int) throws {
        let store = try makeStore(directory, ticks: 60, from: 1_700_000_000_000)
        let receiver = try Receiver(directory)
        let base = "http://127.0.0.1:\(receiver.port)"
        var options =
            version == 3
            ? try sink(.otlpMetrics, base + "/v1/metrics")
            : try sink(.remoteWrite, base + "/api/v1/write") { $0.version = version }
        options.delivery.batch.parts = parts
        let delivery = try start(options, ShipStores(feed: store))
        // 60 ticks of 6 series, of which one is absent from 18 and ends 6 times.
        let count = 60 * 6 - 18 + 6
        #expect(eventually { receiver.taken().count >= count }, "\(delivery.snapshot())")
        delivery.stop()
        let taken = receiver.taken()
        #expect(taken.count == count)
        #expect(taken.count { $0["bits"].string == "7ff0000000000002" } == 6)
        let key = version == 3 ? "container.image.name" : "image"
        let one = taken.filter {
            $0["labels"][key].string == "nginx:1.25" && $0["labels"]["cpu"].string == "1"
        }
        #expect(one.map { $0["time"].int } == (0..<60).map { 1_700_000_000_000 + $0 * 1000 })
        #expect(
            one.map { $0["bits"].string }
                == (0..<60).map { String((Double($0) * 1.25 + 2000).bitPattern, radix: 16) })
    }

    @Test("Samples of many timelines share a request")
    func merged() throws {
        let store = try SeriesStore.open(directory: directory.appending("rules"))
        let target = try store.target(["name": "web"])
        for number in 0..<UInt16(40) {
            let metric = MetricDescriptor(
                "rule_\(number % 4)", .gauge, help: "What a rule found.")
            let ref = try store.series(metric, target: target, labels: ["n": "\(number)"])
            var batch = Batch(timestamp: 1_700_000_000_000, timeline: number)
            batch.append(ref, Double(number % 2))
            #expect(store.append(batch).accepted == 1)
        }
        let receiver = try Receiver(directory)
        let delivery = try start(
            try sink(.remoteWrite, "http://127.0.0.1:\(receiver.port)/api/v1/write") {
                $0.delivery.batch.records = 1000
            }, ShipStores(feed: store))
        #expect(eventually { receiver.taken().count >= 40 }, "\(delivery.snapshot())")
        delivery.stop()
        let taken = receiver.taken()
        #expect(receiver.requests().count == 1)
        #expect(Set(taken.compactMap { $0["labels"]["n"].string }).count == 40)
        // A zero has no bytes of its own.
        let zeros = taken.filter { $0["bits"].string == "0000000000000000" }
        #expect(zeros.count == 20)
        #expect(delivery.snapshot().records == 40)
    }

    @Test("A receiver that does not know version 2.0 gets 1.0", arguments: [1, 3])
    func fallBack(parts: Int) throws {
        let store = try makeStore(directory, ticks: 4, from: 1_700_000_000_000)
        let receiver = try Receiver(
            directory, faults: Array(repeating: "415", count: parts).joined(separator: " "))
        let delivery = try start(
            try sink(.remoteWrite, "http://127.0.0.1:\(receiver.port)/api/v1/write") {
                $0.version = 2
                $0.delivery.batch.parts = parts
            }, ShipStores(feed: store))
        #expect(eventually { receiver.taken().count >= 4 * 6 }, "\(delivery.snapshot())")
        delivery.stop()
        let versions = receiver.requests().compactMap {
            $0["headers"]["X-Prometheus-Remote-Write-Version"].string
        }
        #expect(Set(versions) == ["0.1.0"])
        #expect(delivery.snapshot().attempts["unsupported"] == Int64(parts))
        #expect(delivery.snapshot().refused == 0)
    }

    /// Faults of a sink: everything arrives at least once, in order, and no more than one request
    /// twice for each answer that was lost.
    @Test(
        "Faults lose nothing and keep the order",
        arguments: [
            ("500 503 429:0 408", 0), ("401 403 404", 0), ("reset reset", 0), ("slow", 0),
            ("garbage", 0), ("half", 1), ("lost lost", 2), ("lying", 1), ("413 413", 0),
            ("301 302", 0),
        ], [1, 2])
    func faults(fault: (script: String, repeated: Int), parts: Int) throws {
        let script = fault.script
        // A batch that is made anew is sent anew, also those of its parts that were taken.
        let repeated = fault.repeated + (parts > 1 && script.contains("413") ? 2 : 0)
        let receiver = try Receiver(directory, faults: script)
        let stores = ShipStores(feed: try emptyStore(), logs: FewLogs())
        let delivery = try start(
            try sink(.http, "http://127.0.0.1:\(receiver.port)/any") {
                $0.http?.timeout = 2000
                $0.http?.authentication = .bearer(.value("hunter2"))
                $0.delivery.batch.parts = parts
            }, stores)
        #expect(
            eventually { delivery.snapshot().records >= 50 }, "\(script): \(delivery.snapshot())")
        delivery.stop()
        let taken = receiver.taken()
        #expect(taken.count <= 50 + repeated * 10, "\(script)")
        for name in ["web", "o\"ther"] {
            let times = taken.filter { $0["object"]["container"].string == name }
                .compactMap { $0["object"]["time"].string }
            #expect(Set(times).count == 25, "\(script)")
            // Taken together with its repetition each request is in order.
            var firsts: [String] = []
            for time in times where !firsts.contains(time) { firsts.append(time) }
            #expect(firsts == firsts.sorted(), "\(script)")
        }
        let status = delivery.snapshot()
        #expect(status.lastError != nil, "\(script)")
        #expect("\(status)".contains("hunter2") == false)
    }

    @Test("400 parks the lines and goes on")
    func badRequest() throws {
        let receiver = try Receiver(directory, faults: "400")
        let stores = ShipStores(feed: try emptyStore(), logs: FewLogs())
        let delivery = try start(
            try sink(.http, "http://127.0.0.1:\(receiver.port)/any"), stores)
        #expect(eventually { delivery.snapshot().records >= 40 })
        delivery.stop()
        let letters = contents(directory.appending("ship/sink/dead-letters.jsonl")) ?? ""
        #expect(letters.split(separator: "\n").count == 11)
        #expect(letters.contains("\"reason\":\"HTTP 400\""))
        #expect(receiver.taken().count == 40)
    }

    @Test("A name that does not exist and a port nobody listens on are told")
    func unreachable() throws {
        let stores = ShipStores(feed: try emptyStore(), logs: FewLogs())
        for (url, words) in [
            ("http://no-such-host.invalid/any", "cannot"), ("http://127.0.0.1:1/any", "refused"),
            ("https://127.0.0.1:1/any", "refused"),
        ] {
            let delivery = try start(try sink(.http, url), stores)
            #expect(eventually { delivery.snapshot().lastError?.contains(words) == true })
            delivery.stop()
        }
    }
}
