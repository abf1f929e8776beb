// SPDX-License-Identifier: Apache-2.0

import Codecs
import Interchange
import Model
import SeriesStore
import Synchronization
import TestSupport
import Testing

/// A store of lines in memory.
private final class LineList: LogSink {
    struct Line: Hashable {
        var name: String
        var labels: Labels
        var time: Int64
        var text: String
        var stream: LogStream
        var level: LogLevel
        var isPartial: Bool
    }

    private let state = Mutex<(lines: [Line], isFull: Bool)>(([], false))

    var lines: [Line] { state.withLock { $0.lines } }
    var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    struct Full: Error {}

    func checkpoint(of identity: LogIdentity) -> LogCheckpoint { LogCheckpoint() }
    func flush(_ identity: LogIdentity) {}
    func close(_ identity: LogIdentity) {}

    func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws {
        if isFull { throw Full() }
        var at = 0
        for item in batch.items {
            let text = String(decoding: batch.text[at..<(at + item.length)], as: UTF8.self)
            at += item.length
            state.withLock {
                $0.lines.append(
                    Line(
                        name: identity.name, labels: identity.streamLabels, time: item.timestamp,
                        text: text, stream: item.stream, level: item.level,
                        isPartial: item.isPartial))
            }
        }
    }
}

/// Requests as bytes, field by field.
private enum Requests {
    static let time: Int64 = 1_700_000_000

    static func sample(_ value: Double, _ time: Int64) -> ProtobufWriter {
        var sample = ProtobufWriter()
        sample.double(1, value)
        sample.varint(2, UInt64(bitPattern: time))
        return sample
    }

    static func write1(_ labels: [(String, String)], samples: Int = 1) -> [UInt8] {
        var series = ProtobufWriter()
        for (name, value) in labels {
            var label = ProtobufWriter()
            label.string(1, name)
            label.string(2, value)
            series.message(1, label)
        }
        for number in 0..<samples {
            series.message(2, sample(1.5, time * 1000 + Int64(number)))
        }
        var metadata = ProtobufWriter()
        metadata.varint(1, 1)
        metadata.string(2, "sent_total")
        metadata.string(4, "What was sent.")
        var request = ProtobufWriter()
        request.message(1, series)
        request.message(3, metadata)
        return request.bytes
    }

    static func write2() -> [UInt8] {
        var series = ProtobufWriter()
        series.data(1, [1, 2, 3, 4])
        series.message(2, sample(2.5, time * 1000))
        series.message(4, sample(1, 1))
        var metadata = ProtobufWriter()
        metadata.varint(1, 2)
        metadata.varint(3, 5)
        series.message(5, metadata)
        var request = ProtobufWriter()
        // The strings after the series that refers to them.
        request.message(5, series)
        for text in ["", "__name__", "sent_bytes", "host", "a", "Bytes sent."] {
            request.string(4, text)
        }
        return request.bytes
    }

    static func loki(_ labels: String, _ lines: [(Int64, String)]) -> [UInt8] {
        var stream = ProtobufWriter()
        stream.string(1, labels)
        for (nanoseconds, text) in lines {
            var stamp = ProtobufWriter()
            stamp.varint(1, UInt64(time))
            stamp.varint(2, UInt64(nanoseconds))
            var pair = ProtobufWriter()
            pair.string(1, "level")
            pair.string(2, "warn")
            var more = ProtobufWriter()
            more.string(1, "trace")
            more.string(2, "a b")
            var entry = ProtobufWriter()
            entry.message(1, stamp)
            entry.string(2, text)
            entry.message(3, pair)
            entry.message(3, more)
            stream.message(2, entry)
        }
        var request = ProtobufWriter()
        request.message(1, stream)
        return request.bytes
    }

    static func otlp() -> [UInt8] {
        func text(_ value: String) -> ProtobufWriter {
            var any = ProtobufWriter()
            any.string(1, value)
            return any
        }
        func pair(_ key: String, _ value: ProtobufWriter) -> ProtobufWriter {
            var pair = ProtobufWriter()
            pair.string(1, key)
            pair.message(2, value)
            return pair
        }
        var resource = ProtobufWriter()
        resource.message(1, pair("service.name", text("shop")))
        resource.message(1, pair("k8s.pod.name", text("shop-1")))
        var list = ProtobufWriter()
        list.message(1, pair("n", text("x\"")))
        var body = ProtobufWriter()
        body.message(6, list)
        var record = ProtobufWriter()
        record.fixed64(1, UInt64(time) * 1_000_000_000)
        record.varint(2, 18)
        record.message(5, body)
        record.message(6, pair("user", text("me")))
        record.data(9, [0xab, 0x01])
        var scope = ProtobufWriter()
        scope.message(2, record)
        var logs = ProtobufWriter()
        logs.message(1, resource)
        logs.message(2, scope)
        var request = ProtobufWriter()
        request.message(1, logs)
        return request.bytes
    }

    static let lokiJSON = """
        {"streams":[{"stream":{"job":"x","stream":"stderr"},\
        "values":[["1700000000000000001","li\\u00fcne"],\
        ["1700000000000000002","two",{"level":"error"}]]}]}
        """
    static let otlpJSON = """
        {"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":\
        {"stringValue":"shop"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":\
        "1700000000000000000","severityNumber":9,"body":{"stringValue":"hello"},"attributes":\
        [{"key":"n","value":{"intValue":"5"}},{"key":"l","value":{"arrayValue":{"values":\
        [{"boolValue":true},{"doubleValue":1.5}]}}}]}]}]}]}
        """
}

@Suite("Requests that bring samples and lines")
struct ReceiveTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("intake") }

    private func store() throws -> SeriesStore {
        try SeriesStore.open(
            directory: directory.appending("series"), options: .keepingEverything)
    }

    private static let forever: Milliseconds = .max / 4

    @Test("Remote write 1.0 and 2.0 bring values, labels and what is said of the family")
    func remoteWrite() throws {
        let store = try store()
        let intake = MetricIntake(into: store)
        let labels = [("__name__", "sent_total"), ("host", "a"), ("empty", "")]
        var receipt = try intake.take(
            Snappy.compress(Requests.write1(labels)), version: .one, encoding: "snappy")
        #expect((receipt.accepted, receipt.refusedCount) == (1, 0))
        receipt = try intake.take(
            Snappy.compress(Requests.write2()), version: .two, encoding: "snappy")
        #expect((receipt.accepted, receipt.ignored) == (1, ["exemplar": 1]))
        let all = TimeRange(start: .min, end: .max)
        #expect(
            try store.series([], in: all, limit: 0) == [
                ["__name__": "sent_bytes", "host": "a"], ["__name__": "sent_total", "host": "a"],
            ])
        #expect(
            try store.metadata().map { "\($0.name) \($0.type.rawValue) \($0.help)" } == [
                "sent_bytes gauge Bytes sent.", "sent_total counter What was sent.",
            ])
    }

    @Test("Loki's lines and OTLP's become logs of their own, with what was said beside the text")
    func lines() throws {
        let sink = LineList()
        let intake = LogIntake(into: sink, retention: Self.forever)
        let body = Snappy.compress(
            Requests.loki("{container=\"web\", host=\"a\\\"b\\n\"}", [(1, "one"), (2, "two")]))
        #expect(try intake.take(body, format: .loki, encoding: "snappy").accepted == 2)
        _ = try intake.take(Array(Requests.lokiJSON.utf8), format: .lokiJSON, encoding: "")
        _ = try intake.take(
            try #require(Gzip.compress(Requests.otlp())), format: .otlp, encoding: "gzip")
        _ = try intake.take(Array(Requests.otlpJSON.utf8), format: .otlpJSON, encoding: "")
        let lines = sink.lines
        #expect(lines.count == 6)
        #expect(lines[0].labels == ["container": "web", "host": "a\"b\n"])
        #expect(lines[0].text == "one trace=\"a b\"")
        #expect((lines[0].level, lines[0].time) == (.warning, 1_700_000_000_000_000_001))
        #expect((lines[2].name, lines[2].text, lines[2].stream) == ("x", "liüne", .stderr))
        #expect(lines[3].level == .error)
        #expect((lines[4].name, lines[4].labels["pod"]) == ("shop", "shop-1"))
        #expect(lines[4].text == "{\"n\":\"x\\\"\"} user=me trace_id=ab01")
        #expect(lines[4].level == .error)
        #expect(lines[5].text == "hello n=5 l=[true,1.5]")
    }

    @Test("A request that is sent again is stored once, also when the store had refused it")
    func again() throws {
        let sink = LineList()
        let intake = LogIntake(into: sink, retention: Self.forever)
        // A line that is written twice at one time is two lines.
        let body = Snappy.compress(Requests.loki("{job=\"x\"}", [(1, "a"), (1, "a"), (2, "b")]))
        sink.isFull = true
        #expect(throws: ReceiveError.self) {
            try intake.take(body, format: .loki, encoding: "snappy")
        }
        sink.isFull = false
        #expect(try intake.take(body, format: .loki, encoding: "snappy").accepted == 3)
        let second = try intake.take(body, format: .loki, encoding: "snappy")
        #expect((second.accepted, second.duplicates) == (0, 3))
        #expect(sink.lines.count == 3)
    }

    @Test(
        "Pipelines hold for lines of other hosts, and a line that is left out is not asked for again"
    )
    func pipelines() throws {
        let sink = LineList()
        let intake = LogIntake(
            into: sink, retention: Self.forever,
            transform: { identity in identity.name == "x" ? Secretive() : nil },
            relabel: { identity in
                var labelled = identity
                labelled.labels[LogIdentity.configured + "team"] = "a"
                return labelled
            })
        let lines: [(Int64, String)] = [(1, "keep me"), (2, "drop me"), (3, "and me")]
        let body = Snappy.compress(Requests.loki("{job=\"x\"}", lines))
        #expect(try intake.take(body, format: .loki, encoding: "snappy").accepted == 3)
        #expect(sink.lines.map(\.text) == ["KEEP ME TRACE=\"A B\"", "AND ME TRACE=\"A B\""])
        #expect(sink.lines[0].labels == ["container": "x", "job": "x", "team": "a"])
        let again = try intake.take(body, format: .loki, encoding: "snappy")
        #expect((again.accepted, again.duplicates) == (0, 3))
        let other = Snappy.compress(Requests.loki("{job=\"y\"}", lines))
        #expect(try intake.take(other, format: .loki, encoding: "snappy").accepted == 3)
        #expect(sink.lines.map { $0.text.prefix(4) }.suffix(3) == ["keep", "drop", "and "])
    }

    @Test("A line that is too long is stored in parts, whole")
    func long() throws {
        let sink = LineList()
        let intake = LogIntake(into: sink, retention: Self.forever)
        let text = String(repeating: "0123456789", count: 60_000)
        let body = Snappy.compress(Requests.loki("{job=\"x\"}", [(1, text)]))
        #expect(try intake.take(body, format: .loki, encoding: "snappy").accepted == 1)
        #expect(sink.lines.map(\.isPartial) == [true, true, false])
        #expect(sink.lines.map(\.text).joined().hasPrefix(text))
    }

    @Test("What is too much is refused before it is made")
    func bounds() throws {
        let store = try store()
        var limits = ReceiveLimits()
        limits.decoded = 1 << 20
        limits.series = 10
        limits.records = 10
        limits.streams = 2
        let metrics = MetricIntake(into: store, limits: limits)
        let sink = LineList()
        let logs = LogIntake(into: sink, retention: Self.forever, limits: limits)
        // 4 GiB, it says.
        let bomb: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, 0x61]
        let zeros = Snappy.compress([UInt8](repeating: 0, count: 2 << 20))
        let gzip = try #require(Gzip.compress([UInt8](repeating: 0x20, count: 4 << 20)))
        func fails(_ body: () throws -> Receipt, _ wanted: (ReceiveError) -> Bool) {
            do { Issue.record("taken: \(try body())") } catch {
                #expect((error as? ReceiveError).map(wanted) == true, "\(error)")
            }
        }
        func isTooLarge(_ error: ReceiveError) -> Bool {
            if case .tooLarge = error { true } else { false }
        }
        for body in [bomb, zeros] {
            fails({ try metrics.take(body, version: .one, encoding: "snappy") }, isTooLarge)
            fails({ try logs.take(body, format: .loki, encoding: "snappy") }, isTooLarge)
        }
        fails({ try logs.take(gzip, format: .lokiJSON, encoding: "gzip") }, isTooLarge)
        var empty = ProtobufWriter()
        for _ in 0..<11 { empty.data(1, []) }
        fails(
            { try metrics.take(Snappy.compress(empty.bytes), version: .one, encoding: "snappy") },
            isTooLarge)
        let many = Requests.loki("{job=\"x\"}", (0..<11).map { ($0, "l") })
        fails({ try logs.take(many, format: .loki, encoding: "") }, isTooLarge)
        // Labels and streams beyond the bounds are refused alone.
        for (name, refused) in [("a", 0), ("b", 0), ("c", 1)] {
            let body = Requests.loki("{job=\"\(name)\"}", [(1, "line")])
            #expect(try logs.take(body, format: .loki, encoding: "").refusedCount == refused)
        }
        for labels in [
            [("host", "a")], [("__name__", "x"), ("", "a")],
            [("__name__", "x"), ("b", "1"), ("a", "2"), ("a", "3")],
            [("__name__", "x"), ("n\0ul", "1")],
            [("__name__", "x"), ("long", String(repeating: "x", count: 10_000))],
            [("__name__", "x")] + (0..<70).map { ("l\($0)", "1") },
        ] {
            let body = Snappy.compress(Requests.write1(labels))
            let receipt = try metrics.take(body, version: .one, encoding: "snappy")
            #expect(receipt.refused == ["labels": 1], "\(labels)")
            #expect(receipt.accepted == 0)
        }
    }

    @Test("No bytes at all bring a decoder down", arguments: [UInt64(1), 2, 3])
    func fuzz(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try store()
        let metrics = MetricIntake(into: store)
        let sink = LineList()
        let logs = LogIntake(into: sink, retention: Self.forever)
        let labels = [("__name__", "sent_total"), ("host", "a")]
        let samples: [(MetricIntake.Version, [UInt8])] = [
            (.one, Requests.write1(labels, samples: 3)), (.two, Requests.write2()),
        ]
        let lines: [(LogIntake.Format, [UInt8])] = [
            (.loki, Requests.loki("{a=\"b\\x41\", c=`d`}", [(1, "x"), (2, "y")])),
            (.lokiJSON, Array(Requests.lokiJSON.utf8)), (.otlp, Requests.otlp()),
            (.otlpJSON, Array(Requests.otlpJSON.utf8)),
        ]
        for round in 0..<1500 {
            let (version, whole) = samples[round % samples.count]
            let encoded = Self.damaged(whole, &random)
            _ = try? metrics.take(encoded, version: version, encoding: "")
            _ = try? metrics.take(
                Self.damaged(Snappy.compress(whole), &random), version: version,
                encoding: "snappy")
            let (format, text) = lines[round % lines.count]
            _ = try? logs.take(Self.damaged(text, &random), format: format, encoding: "")
            if let packed = Gzip.compress(text) {
                _ = try? logs.take(
                    Self.damaged(packed, &random), format: format, encoding: "gzip")
            }
        }
        // They work as before.
        let receipt = try metrics.take(samples[0].1, version: .one, encoding: "")
        #expect(receipt.refusedCount == 0 || Array(receipt.refused.keys) == ["conflict"])
    }

    /// The bytes with some of them changed, left out, repeated or cut off.
    private static func damaged(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !result.isEmpty {
            let at = Int.random(in: 0..<result.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: result[at] = UInt8.random(in: 0...255, using: &random)
            case 1: result[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: result.remove(at: at)
            case 3: result.insert(contentsOf: result[at...].prefix(9), at: at)
            default: result.removeLast(result.count - at)
            }
        }
        return result
    }
}

/// Leaves out what begins with `drop`, and writes the rest in capitals.
private final class Secretive: LogTransform {
    let joinsLines = false

    func continues(_ line: UnsafeRawBufferPointer, _ stream: LogStream) -> Bool { false }

    func apply(_ batch: borrowing LogBatch, into output: inout LogBatch) {
        batch.text.withUnsafeBytes { text in
            var at = 0
            for i in 0..<batch.items.count {
                let item = batch.items[i]
                let line = String(decoding: text[at..<(at + item.length)], as: UTF8.self)
                at += item.length
                guard !line.hasPrefix("drop") else { continue }
                Array(line.uppercased().utf8).withUnsafeBytes { output.append($0, item) }
            }
        }
    }
}
