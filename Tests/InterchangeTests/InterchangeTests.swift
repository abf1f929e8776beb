// SPDX-License-Identifier: Apache-2.0

import Codecs
import Interchange
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Import and export of series")
struct InterchangeTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("interchange") }

    private func store(_ name: String = "a") throws -> SeriesStore {
        try SeriesStore.open(directory: directory.appending(name))
    }

    @discardableResult
    private func load(
        _ text: String, into store: SeriesStore?, pieces size: Int = 1 << 20
    ) throws -> SeriesImport.Report {
        let load = SeriesImport(into: store)
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            let end = min(at + size, bytes.count)
            try load.feed(bytes[at..<end])
            at = end
        }
        return try load.finish()
    }

    private func dump(
        _ store: SeriesStore, as format: SeriesExport.Format = .openMetrics,
        selectors: [[Matcher]] = [],
        range: TimeRange = TimeRange(start: .min / 4, end: .max / 4)
    ) throws -> String {
        let collected = Collected()
        let report = try SeriesExport(store, selectors: selectors, range: range)
            .write(as: format) { collected.bytes += $0 }
        let text = String(decoding: collected.bytes, as: UTF8.self)
        let lines = text.split(separator: "\n").count { !$0.hasPrefix("#") }
        if format == .openMetrics { #expect(report.samples == lines) }
        return text
    }

    private final class Collected { var bytes: [UInt8] = [] }

    /// Samples in the order and spelling of an export.
    private static let text = """
        lat_bucket{le="+Inf"} 3 1700000000.000
        lat_bucket{le="1"} 2 1700000000.000
        lat_count 3 1700000000.000
        {"odd.name",path="a\\"b\\\\c\\nd","x y"="ü"} 1 1700000000.001
        reqs_total{code="200"} 1 1700000000.000
        reqs_total{code="200"} 5e-324 1700000015.250
        reqs_total{code="200"} +Inf 1700000030.500
        reqs_total{code="200"} NaN 1700003600.000
        reqs_total{code="500"} -Inf 1700000000.000
        reqs_total{code="500"} 1.7976931348623157e+308 1700090000.000
        temp -0.0 1700000000.000
        temp 0.1 1700000001.000
        # EOF

        """

    @Test("What was imported is exported the same, also after it was opened again")
    func identity() throws {
        do {
            let store = try store()
            let report = try load(Self.text, into: store, pieces: 5)
            #expect(report.samples == 12 && report.duplicates == 0)
            #expect(report.first == 1_700_000_000_000 && report.last == 1_700_090_000_000)
            #expect(try dump(store) == Self.text)
        }
        let again = try store()
        #expect(try dump(again) == Self.text)
    }

    @Test("Random series survive import, export and import")
    func random() throws {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0..<1 << 32, using: &random)
        var generator = Seeded(state: seed)
        var lines: [String] = []
        for series in 0..<40 {
            var time = Int64.random(in: 1_600_000_000_000..<1_600_010_000_000, using: &generator)
            for _ in 0..<Int.random(in: 1..<300, using: &generator) {
                var bits = Double(bitPattern: generator.next())
                if bits.isNaN { bits = .nan }
                var line: [UInt8] = []
                OpenMetricsWriter.append(
                    prefix: Array("m\(series % 7){s=\"\(series)\"} ".utf8), value: bits,
                    timestamp: time, to: &line)
                lines.append(String(decoding: line, as: UTF8.self))
                time += Int64.random(in: 1..<1_000_000, using: &generator)
            }
        }
        lines.shuffle(using: &generator)
        let first = try store("first")
        try load(lines.joined() + "# EOF\n", into: first)
        let text = try dump(first)
        #expect(Set(text.split(separator: "\n")).count == lines.count + 1, "seed \(seed)")
        let second = try store("second")
        try load(text, into: second)
        #expect(try dump(second) == text, "seed \(seed)")
    }

    @Test("Importing twice changes nothing that is read")
    func twice() throws {
        let store = try store()
        try load(Self.text, into: store)
        try load(Self.text, into: store)
        #expect(try dump(store) == Self.text)
    }

    @Test("A batch that is full goes to the store, and memory for it is not needed again")
    func batches() throws {
        let store = try store()
        let load = SeriesImport(into: store)
        var piece: [UInt8] = []
        for second in 0..<520_000 {
            OpenMetricsWriter.append(
                prefix: Array("m ".utf8), value: Double(second),
                timestamp: 1_700_000_000_000 + Int64(second) * 1000, to: &piece)
            if piece.count > 1 << 20 {
                try load.feed(piece[...])
                piece.removeAll(keepingCapacity: true)
            }
        }
        try load.feed(piece[...])
        #expect(load.report.samples == 500_000)
        try load.feed(Array("# EOF\n".utf8)[...])
        #expect(try load.finish().samples == 520_000)
        let part = try dump(
            store, range: TimeRange(start: 1_700_499_998_000, end: 1_700_500_001_500))
        #expect(
            part == """
                m 499998 1700499998.000
                m 499999 1700499999.000
                m 500000 1700500000.000
                m 500001 1700500001.000
                # EOF

                """)
    }

    @Test("Only what selectors and times ask for is exported, each series once")
    func narrowed() throws {
        let store = try store()
        try load(Self.text, into: store)
        let selectors = [
            [Matcher("code", .equal, "200")], [Matcher("code", .matches, "2.*")],
        ]
        let range = TimeRange(start: 1_700_000_010_000, end: 1_700_000_031_000)
        #expect(
            try dump(store, selectors: selectors, range: range) == """
                reqs_total{code="200"} 5e-324 1700000015.250
                reqs_total{code="200"} +Inf 1700000030.500
                # EOF

                """)
    }

    @Test("CSV has a column for each label and no cell that a spreadsheet would run")
    func csv() throws {
        let store = try store()
        try load(
            "a{x=\"=1+1\",y=\"p,\\\"q\\n\"} 1.5 1700000000.5\nb{x=\"\\\"\"} 2 1\n# EOF\n",
            into: store)
        #expect(
            try dump(store, as: .csv)
                == "__name__,x,y,timestamp,value\r\n"
                + "a,'=1+1,\"p,\"\"q\n\",1700000000.500,1.5\r\n"
                + "b,\"\"\"\",,1.000,2\r\n")
    }

    @Test("A mistake names its place; what went before is stored, a check stores nothing")
    func mistakes() throws {
        let store = try store()
        let error = #expect(throws: OpenMetricsError.self) {
            try load("m 1 1\nm 2\n# EOF\n", into: store)
        }
        #expect(error?.line == 2 && error?.reason == "expected the sample's time")
        #expect(throws: OpenMetricsError.self) { try load("m 1 1\n", into: store) }
        #expect(try load("m 1 1\nm 2 1\n# EOF\n", into: nil).samples == 2)
        #expect(try dump(store) == "# EOF\n")
    }
}

/// SplitMix64, so that a failure can be had again.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
