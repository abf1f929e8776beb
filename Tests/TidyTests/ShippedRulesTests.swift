// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The rules that are shipped: complete, about metrics that there are, tested, and explained.
@Suite("Shipped rules")
struct ShippedRulesTests {
    private static let folder = SourceTree.root.appending(path: "config/rules.d")

    private static let names = files(in: folder)

    private static func files(in folder: URL) -> [String] {
        let all = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (all ?? []).filter { $0.hasSuffix(".yaml") }.sorted()
    }

    private static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    /// Each alert of a file as text, from its name on.
    private static func alerts(_ text: String) -> [(name: String, body: Substring)] {
        let starts = text.matches(of: /- alert: (\w+)\n/)
        return starts.indices.map { i in
            let end = i + 1 < starts.count ? starts[i + 1].range.lowerBound : text.endIndex
            return (String(starts[i].output.1), text[starts[i].range.upperBound..<end])
        }
    }

    @Test("Each alert says how bad it is, what it is, and where to read on", arguments: names)
    func complete(name: String) throws {
        let alerts = Self.alerts(try Self.text(name))
        #expect(!alerts.isEmpty)
        for alert in alerts {
            #expect(
                alert.body.firstMatch(of: /labels: \{severity: (critical|warning|info)\}/) != nil,
                "\(alert.name)")
            for field in ["summary:", "description:"] {
                #expect(alert.body.contains(field), "\(alert.name) has no \(field)")
            }
            let link = try #require(
                alert.body.firstMatch(of: /runbook_url: (docs\/runbooks\/\w+\.md)#(\w+)\n/),
                "\(alert.name) has no runbook")
            #expect(link.output.2 == alert.name.lowercased())
            let page = try String(
                contentsOf: SourceTree.root.appending(path: String(link.output.1)), encoding: .utf8)
            let section = try #require(page.range(of: "## \(alert.name)\n"), "\(alert.name)")
            let words = page[section.upperBound...].prefix { $0 != "#" }
            #expect(words.contains("**Confirm.**") && words.contains("**Do.**"), "\(alert.name)")
        }
    }

    @Test("Every metric of every expression is in the catalogue", arguments: names)
    func metrics(name: String) throws {
        for alert in Self.alerts(try Self.text(name)) {
            let expression = try #require(
                alert.body.firstMatch(of: /expr:(?s:(.*?))\n +(?:for|labels):/), "\(alert.name)")
            let metrics = expression.output.1.matches(
                of: /\b(?:container|node|ullage|machine|process|prometheus)_[A-Za-z0-9_]+/)
            #expect(!metrics.isEmpty || name.hasSuffix(".logs.yaml"), "\(alert.name)")
            for metric in metrics.map({ String($0.output) }) {
                #expect(MetricNames.isKnown(metric), "\(metric) in \(alert.name)")
            }
        }
    }

    @Test("promtool accepts each file, and each alert passes its unit test", arguments: names)
    func promtool(name: String) throws {
        // Rules over logs are not Prometheus'.
        guard !name.hasSuffix(".logs.yaml") else { return }
        let tests = try Self.text("tests/\(name)")
        for alert in Self.alerts(try Self.text(name)) {
            #expect(tests.contains("alertname: \(alert.name)\n"), "\(alert.name) has no test")
        }
        for arguments in [["check", "rules", name], ["test", "rules", "tests/\(name)"]] {
            let promtool = Process()
            promtool.executableURL = URL(filePath: "/usr/bin/promtool")
            promtool.arguments = arguments
            promtool.currentDirectoryURL = Self.folder
            let pipe = Pipe()
            promtool.standardOutput = pipe
            promtool.standardError = pipe
            try promtool.run()
            let said = try pipe.fileHandleForReading.readToEnd() ?? Data()
            promtool.waitUntilExit()
            #expect(
                promtool.terminationStatus == 0, "\(String(decoding: said, as: UTF8.self))")
        }
    }
}
