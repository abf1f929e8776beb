// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import Testing

@Suite("OpenMetrics text")
struct OpenMetricsTests {
    /// All events of a text fed in pieces of `size` bytes.
    private func parse(
        _ text: [UInt8], as format: OpenMetricsParser.Format = .openMetrics, pieces size: Int = 7
    ) throws -> [OpenMetricsParser.Event] {
        var parser = OpenMetricsParser(format)
        var events: [OpenMetricsParser.Event] = []
        var at = 0
        while at < text.count {
            let end = min(at + size, text.count)
            try parser.feed(text[at..<end]) { events.append($0) }
            at = end
        }
        try parser.end { events.append($0) }
        return events
    }

    @Test("Known texts give known samples", arguments: [1, 3, 1000])
    func known(pieces: Int) throws {
        let text = """
            # TYPE http_requests counter
            # HELP http_requests A \\\\ and\\nmore.
            # UNIT http_requests seconds
            http_requests_total{code="200",path="/a\\"b\\\\\\n"} 1.5e3 1700000000.125
            up 1 1700000000
            temp{ } -Inf 1700000000
            lat_bucket{le="+Inf",} 3 1 # {trace_id="x"} 0.5 1.0
            {"odd.name", "l b"="ü"} NaN

            # a remark
            # EOF
            """
        let events = try parse(Array(text.utf8), pieces: pieces)
        #expect(events.count == 8)
        #expect(events[0] == .type(family: "http_requests", .counter))
        #expect(events[1] == .help(family: "http_requests", "A \\ and\nmore."))
        #expect(events[2] == .unit(family: "http_requests", "seconds"))
        #expect(
            events[3]
                == .sample(
                    [
                        "__name__": "http_requests_total", "code": "200",
                        "path": "/a\"b\\\n",
                    ], value: 1500, timestamp: 1_700_000_000_125))
        #expect(events[4] == .sample(["__name__": "up"], value: 1, timestamp: 1_700_000_000_000))
        #expect(
            events[5]
                == .sample(["__name__": "temp"], value: -.infinity, timestamp: 1_700_000_000_000))
        #expect(
            events[6]
                == .sample(["__name__": "lat_bucket", "le": "+Inf"], value: 3, timestamp: 1000))
        guard case .sample(let labels, let value, let time) = events[7] else {
            Issue.record("no sample")
            return
        }
        #expect(labels == ["__name__": "odd.name", "l b": "ü"])
        #expect(value.isNaN && time == nil)
    }

    @Test(
        "A mistake is named with its place",
        arguments: [
            ("up{a=\"b} 1", 1, 6), ("up{a=\"b\" c=\"d\"} 1", 1, 10), ("up 1 2 3", 1, 8),
            ("9up 1", 1, 1), ("up", 1, 3), ("up one", 1, 4), ("ok 1\n{a=\"b\"} 1", 2, 8),
            ("up{a=\"1\",a=\"2\"} 1", 1, 10), ("# TYPE up nonsense", 1, 11), ("up 1 x", 1, 6),
            ("# EOF\nup 1", 2, 1), ("up{a} 1", 1, 5),
        ])
    func mistakes(text: String, line: Int, column: Int) {
        let error = #expect(throws: OpenMetricsError.self) { try parse(Array(text.utf8)) }
        #expect(error?.line == line && error?.column == column, "\(text): \(error as Any)")
    }

    @Test("OpenMetrics that was cut off is refused after what there is of it")
    func cutOff() {
        var parser = OpenMetricsParser()
        var samples = 0
        let error = #expect(throws: OpenMetricsError.self) {
            try parser.feed(Array("up 1\nup 2 1\n".utf8)[...]) { _ in samples += 1 }
            try parser.end { _ in samples += 1 }
        }
        #expect(samples == 2 && error?.line == 3)
        #expect(error?.reason.contains("# EOF") == true)
    }

    @Test("The text format 0.0.4 counts in milliseconds and needs no end")
    func classic() throws {
        let events = try parse(Array("up 1 1700000000123\nup 2\n# EOF\nup 3 -5".utf8), as: .text)
        #expect(
            events == [
                .sample(["__name__": "up"], value: 1, timestamp: 1_700_000_000_123),
                .sample(["__name__": "up"], value: 2, timestamp: nil),
                .sample(["__name__": "up"], value: 3, timestamp: -5),
            ])
        #expect(throws: OpenMetricsError.self) { try parse(Array("up 1 1.5".utf8), as: .text) }
    }

    @Test("A line without an end is refused before it fills the memory")
    func endless() {
        var parser = OpenMetricsParser()
        let piece = [UInt8](repeating: 0x61, count: 1 << 16)
        var fed = 0
        #expect(throws: OpenMetricsError.self) {
            while fed <= OpenMetricsParser.maxLine + piece.count {
                try parser.feed(piece[...]) { _ in }
                fed += piece.count
            }
        }
        #expect(fed <= OpenMetricsParser.maxLine)
    }

    @Test("What is written reads back the same")
    func roundTrip() throws {
        var random = Generator(seed: 7)
        let names = ["up", "a:b_total", "odd.name", "ünder score", "9x"]
        for _ in 0..<2000 {
            var labels: Labels = ["__name__": names[Int(random.next() % 5)]]
            for key in ["le", "l.b", "x\"y", "path"] where random.next() % 2 == 0 {
                labels[key] = ["a", "\n", "\\n", "\"", "ü\u{1b}", "}=,"][Int(random.next() % 6)]
            }
            let bits = Double(bitPattern: random.next())
            let value = bits.isNaN ? 0.1 : bits
            let time = Int64(bitPattern: random.next()) % 4_000_000_000_000
            var output: [UInt8] = []
            OpenMetricsWriter.append(
                prefix: OpenMetricsWriter.linePrefix(labels), value: value, timestamp: time,
                to: &output)
            let events = try parse(output + OpenMetricsWriter.end)
            #expect(events == [.sample(labels, value: value, timestamp: time)])
        }
    }

    @Test("Damaged texts give events or an error, never a crash")
    func fuzz() {
        let good = Array(
            "# TYPE a counter\na_total{b=\"c\\n\",\"d.e\"=\"f\"} 1e3 12.5 # {t=\"u\"} 1\n# EOF\n"
                .utf8)
        var random = Generator(seed: 42)
        var refused = 0
        for _ in 0..<20_000 {
            var text = good
            for _ in 0...(random.next() % 4) {
                let at = Int(random.next() % UInt64(text.count))
                switch random.next() % 3 {
                case 0: text[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: text.remove(at: at)
                default: text.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
                }
            }
            do { _ = try parse(text) } catch { refused += 1 }
        }
        #expect(refused > 1000 && refused < 20_000)
    }
}

/// SplitMix64, so that a failure can be had again.
private struct Generator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
