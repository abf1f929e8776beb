// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// What a container may choose goes through every format and Prometheus' own parsers unharmed.
@Suite("Scrapes of hostile names", .enabled(if: geteuid() == 0, "running containers needs root"))
struct ScrapeTests {
    private static let formats = [
        "text/plain; version=0.0.4", "text/plain; version=1.0.0",
        "application/openmetrics-text; version=1.0.0",
    ]

    @Test("promtool accepts what a real agent serves, and each format has the same series")
    func formats() throws {
        let directory = try TemporaryDirectory("scrape")
        let rootfs = try makeBusyboxRoot(in: directory)
        // The image of an embedded container is its root's path, which may hold anything.
        let hostile = directory.appending("ro\"ot\\fs é🦀")
        try FileManager.default.moveItem(atPath: rootfs, toPath: hostile)
        let host = try AgentProcess(in: directory)
        defer { host.stop() }
        try host.run("run", "-d", "--name", "odd", "--rootfs", hostile, "--", "/bin/sleep", "600")
        defer { _ = try? host.run("rm", "-f", "odd") }
        let seen = try eventually { try host.get("/metrics").contains("name=\"odd\"") }
        #expect(seen)
        let texts = try Self.formats.map { try host.get("/metrics", accept: $0) }
        let label =
            "image=\""
            + hostile.replacingOccurrences(of: "\\", with: "\\\\")
            .replacingOccurrences(of: "\"", with: "\\\"") + "\""
        for text in texts { #expect(text.contains(label)) }
        #expect(texts[2].hasSuffix("# EOF\n"))
        let series = texts.map { text in
            Set(
                text.split(separator: "\n").filter { !$0.hasPrefix("#") }
                    .map { $0[..<($0.lastIndex(of: " ") ?? $0.endIndex)] })
        }
        // A tick may lie between two scrapes, but the containers' series stay.
        let steady = series.map { $0.filter { $0.contains("name=\"odd\"") } }
        #expect(steady[0] == steady[1] && steady[1] == steady[2])
        #expect(steady[0].count > 30)
        #expect(texts[0].contains("target_info{"))
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool") else { return }
        let text = try host.get("/metrics?collect%5B%5D=container&collect%5B%5D=ullage")
        let said = try promtool(text)
        // cAdvisor's own names are as they are.
        let allowed = ["container_network_tcp_usage_total", "container_hugetlb_failcnt"]
        let problems = said.split(separator: "\n").filter { line in
            !allowed.contains { line.contains($0) }
        }
        #expect(problems.isEmpty, "\(problems.joined(separator: "\n"))")
    }

    private func promtool(_ text: String) throws -> String {
        let process = Foundation.Process()
        process.executableURL = URL(filePath: "/usr/bin/promtool")
        process.arguments = ["check", "metrics"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardError = output
        process.standardOutput = output
        try process.run()
        DispatchQueue.global().async {
            try? input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
            try? input.fileHandleForWriting.close()
        }
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }
}
