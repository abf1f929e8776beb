// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// Every expression of every dashboard, asked of a real agent that watches real containers.
@Suite("Dashboards' data", .enabled(if: geteuid() == 0, "running containers needs root"))
struct DashboardDataTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "dashboards")

    /// The text of every expression in a JSON value.
    private static func expressions(_ value: Any) -> [String] {
        if let list = value as? [Any] { return list.flatMap(expressions) }
        guard let object = value as? [String: Any] else { return [] }
        return object.flatMap { key, value in
            key == "expr" ? [value as? String ?? ""] : expressions(value)
        }
    }

    /// The variables as Grafana would fill them in, without the label that only a scrape adds.
    private static func filled(_ expression: String) -> String {
        expression.replacingOccurrences(of: "$container", with: "busy")
            .replacingOccurrences(of: "instance=\"$instance\",", with: "")
            .replacingOccurrences(of: "{instance=\"$instance\"}", with: "")
    }

    @Test("Each expression returns data wherever the host gives the metrics it names")
    func data() throws {
        let directory = try TemporaryDirectory("dashboards")
        let rootfs = try makeBusyboxRoot(in: directory)
        let host = try AgentProcess(in: directory)
        defer { host.stop() }
        let script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"
        try host.run(
            "run", "-d", "--name", "busy", "--memory", "64m", "--cpus", "0.5", "--pids-limit", "20",
            "--rootfs", rootfs, "--", "/bin/sh", "-c", script)
        defer { _ = try? host.run("rm", "-f", "busy") }
        // Two samples at least, so that rates have something to go by.
        let ready = try eventually {
            try host.get("/api/v1/query?query=rate(ullage_log_lines_total%5B1m%5D)").contains(
                "busy")
        }
        #expect(ready)
        let present = Set(
            try host.get("/metrics").split(separator: "\n").filter { !$0.hasPrefix("#") }
                .map { String($0.prefix { $0 != "{" && $0 != " " }) })
        var asked = 0
        for file in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).sorted()
        where file.hasSuffix(".json") {
            let json = try JSONSerialization.jsonObject(
                with: Data(contentsOf: Self.folder.appending(path: file)))
            for expression in Self.expressions(json) {
                let names = expression.matches(
                    of: /\b(?:container|node|ullage|machine|process)_[A-Za-z0-9_]+/
                ).map { String($0.output) }
                // A trend is there only when something fills up; v1 hosts have no memory.events.
                guard names.allSatisfy(present.contains) else { continue }
                asked += 1
                let text = Self.filled(expression)
                let query = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
                let answer = try host.get("/api/v1/query?query=" + query)
                #expect(answer.contains("\"status\":\"success\""), "\(file): \(text): \(answer)")
                #expect(answer.contains("\"value\":["), "\(file): nothing for \(text)")
            }
        }
        #expect(asked >= 45, "only \(asked) could be asked")
    }
}

/// An agent of a test, spoken to through its Unix socket.
final class AgentProcess: Sendable {
    private let data: String
    private let process: Foundation.Process

    /// Starts an agent that samples once a second and waits until it is ready.
    init(in directory: TemporaryDirectory) throws {
        data = directory.appending("data")
        try directory.write("sampling:\n  interval: 1s\n", to: "ullage.yaml")
        process = Foundation.Process()
        process.executableURL = URL(filePath: Products.ullage)
        process.arguments = [
            "agent", "--config", directory.appending("ullage.yaml"), "--data-dir", data,
            "--listen", "127.0.0.1:0",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        let ready = eventually { (try? get("/-/ready"))?.contains("is ready") == true }
        #expect(ready)
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// Runs a command against the agent's data directory.
    func run(_ arguments: String...) throws {
        let command = Foundation.Process()
        command.executableURL = URL(filePath: Products.ullage)
        command.arguments = arguments
        command.environment = ["ULLAGE_DATA_DIR": data, "PATH": "/usr/bin:/bin"]
        command.standardOutput = FileHandle.nullDevice
        try command.run()
        command.waitUntilExit()
        #expect(command.terminationStatus == 0, "\(arguments)")
    }

    /// The body of the answer to a GET.
    func get(_ path: String, accept: String = "*/*") throws -> String {
        let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(file) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = data + "/agent/ullage.sock"
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8.prefix(107)) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw CocoaError(.fileReadUnknown) }
        let request =
            "GET \(path) HTTP/1.1\r\nHost: localhost\r\nAccept: \(accept)\r\n"
            + "Connection: close\r\n\r\n"
        _ = request.withCString { send(file, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count <= 0 { break }
            bytes += buffer[..<count]
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return "" }
        return String(text[end.upperBound...])
    }
}
