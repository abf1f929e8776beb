// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Exposition")
struct ExpositionTests {
    private let directory: TemporaryDirectory
    private let store: SeriesStore

    private static let counter = MetricDescriptor(
        "jobs_seconds_total", .counter, unit: "seconds", help: "A \"quoted\" \\ help.\nTwo lines.")
    private static let gauge = MetricDescriptor("room_bytes", .gauge, unit: "bytes", help: "Room.")
    private static let unknown = MetricDescriptor("thing", .unknown, help: "A thing.")

    /// Names and values a container may choose.
    private static let hostile: [String] = [
        "", "plain", "back\\slash", "quo\"te", "new\nline", "\\n", "\\", "\"", "}", "{a=\"b\"} 1",
        "# TYPE x counter", "tab\t", "\u{0}", "\u{1b}[31m", "é", "日本", "🦀", "\r\n", "a,b", "=",
        String(repeating: "x", count: 5000),
    ]

    init() throws {
        directory = try TemporaryDirectory("exposition")
        store = try SeriesStore.open(directory: directory.path)
        var batch = Batch(timestamp: 1_700_000_000_000)
        for value in Self.hostile {
            let target = try store.target(["name": value, "n": "\(batch.series.count)"])
            batch.append(try store.series(Self.counter, target: target), 1.5)
        }
        let target = try store.target(["app.io/name": "x", "app_io/name": "y", "0": "z"])
        batch.append(try store.series(Self.gauge, target: target), -.infinity)
        batch.append(try store.series(Self.unknown, target: target), 1e300)
        _ = store.append(batch)
    }

    private func expose(_ request: ExpositionRequest) throws -> String {
        var bytes: [UInt8] = []
        try store.expose(request, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "The Accept header chooses the format",
        arguments: [
            (nil, ExpositionFormat.text004), ("*/*", .text004), ("text/html", .text004),
            ("text/plain;version=1.0.0", .text100),
            ("application/openmetrics-text", .openMetrics001),
            ("application/openmetrics-text;version=9", .text004),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                    + "application/openmetrics-text;version=0.0.1;q=0.5,"
                    + "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                    + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", .openMetrics100
            ),
            (
                "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1",
                .text004
            ),
            ("application/openmetrics-text;version=1.0.0;q=0", .text004), (";;,q=,=;q=x", .text004),
        ] as [(String?, ExpositionFormat)])
    func negotiation(accept: String?, format: ExpositionFormat) {
        #expect(ExpositionFormat(accept: accept) == format)
    }

    @Test("Headers are those of each format")
    func headers() throws {
        let text = try expose(ExpositionRequest(format: .text004))
        #expect(
            text.hasPrefix(
                "# HELP jobs_seconds_total A \"quoted\" \\\\ help.\\nTwo lines.\n"
                    + "# TYPE jobs_seconds_total counter\njobs_seconds_total{n=\"0\"} 1.5\n"))
        #expect(text.contains("# TYPE thing untyped\n"))
        #expect(text.hasSuffix("\n") && !text.contains("# EOF"))
        let open = try expose(ExpositionRequest(format: .openMetrics100))
        #expect(
            open.hasPrefix(
                "# HELP jobs_seconds A \\\"quoted\\\" \\\\ help.\\nTwo lines.\n"
                    + "# TYPE jobs_seconds counter\n# UNIT jobs_seconds seconds\n"
                    + "jobs_seconds_total{n=\"0\"} 1.5\n"))
        #expect(open.contains("# TYPE thing unknown\n"))
        #expect(open.contains("# UNIT room_bytes bytes\n"))
        #expect(open.hasSuffix("\n# EOF\n"))
        #expect(open.contains("room_bytes{_0=\"z\",app_io_name=\"x\",app_io_name_=\"y\"} -Inf\n"))
    }

    @Test(
        "Values that containers choose come back as they were", arguments: ExpositionFormat.allCases
    )
    func roundTrip(format: ExpositionFormat) throws {
        let text = try expose(ExpositionRequest(format: format))
        var found: Set<String> = []
        for line in text.unicodeScalars.split(separator: "\n")
        where String(String.UnicodeScalarView(line)).hasPrefix("jobs_seconds_total{") {
            found.insert(Self.value(of: "name", in: String(String.UnicodeScalarView(line))) ?? "")
        }
        #expect(found == Set(Self.hostile))
    }

    /// Undoes the escapes of one label, by the format's grammar alone.
    private static func value(of label: String, in line: String) -> String? {
        guard let start = line.range(of: label + "=\"", options: .literal) else { return nil }
        var result = String.UnicodeScalarView()
        var isEscaped = false
        for scalar in line.unicodeScalars[start.upperBound...] {
            if isEscaped {
                result.append(scalar == "n" ? "\n" : scalar)
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                return String(result)
            } else {
                result.append(scalar)
            }
        }
        return nil
    }

    @Test("Groups and selectors narrow what is exposed")
    func filters() throws {
        let groups = try expose(ExpositionRequest(collectors: ["room"]))
        #expect(groups.contains("room_bytes{") && !groups.contains("jobs_seconds"))
        let selected = try expose(
            ExpositionRequest(selectors: [
                [Matcher("name", .equal, "plain")], [Matcher("name", .matches, "qu.*")],
            ]))
        #expect(selected.split(separator: "\n").count { $0.hasPrefix("jobs_") } == 2)
        #expect(!selected.contains("thing"))
    }

    @Test("promtool finds the format and the names in order")
    func promtool() throws {
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool") else { return }
        let process = Foundation.Process()
        process.executableURL = URL(filePath: "/usr/bin/promtool")
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = output
        process.standardOutput = output
        try process.run()
        var bytes: [UInt8] = []
        try store.expose(ExpositionRequest(collectors: ["jobs", "room"]), into: &bytes)
        try input.fileHandleForWriting.write(contentsOf: Data(bytes))
        try input.fileHandleForWriting.close()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
    }
}
