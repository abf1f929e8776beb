// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// The shipped rules over real workloads: what they do makes an alert fire, its end resolves it, and
/// Debian's Alertmanager and a receiver of the agent's own hear of both.
@Suite("Alerts of workloads", .enabled(if: geteuid() == 0, "running containers needs root"))
struct FiringTests {
    let directory: TemporaryDirectory
    let rootfs: String
    let port: Int

    init() throws {
        directory = try TemporaryDirectory("firing")
        rootfs = try makeBusyboxRoot(in: directory)
        port = try Self.freePort()
        try directory.write(
            """
            sampling: {interval: 1s}
            discovery: {engines: [cgroup]}
            rules:
              directory: \(directory.appending("rules.d"))
              evaluation_interval: 1s
            alerts:
              alertmanagers: ['http://127.0.0.1:\(port)']
              receivers:
                - name: file
                  exec_configs:
                    - command:
                        - /bin/sh
                        - -c
                        - 'echo "$ULLAGE_STATUS $ULLAGE_ALERT_1_NAME" >> \(directory.appending("told"))'
              route: {receiver: file, group_by: [alertname], group_wait: 0s, group_interval: 1s}
            """, to: "ullage.yaml")
        try directory.write(
            "route: {receiver: x}\nreceivers: [{name: x}]\n", to: "alertmanager.yml")
        for name in ["containers.yaml", "headroom.yaml"] {
            let file = URL(filePath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "config/rules.d/\(name)")
            // The shipped rules, with seconds for minutes.
            let text = try String(contentsOf: file, encoding: .utf8)
                .replacing(/for: \d+m/, with: "for: 1s").replacing(/\[\d+m\]/, with: "[6s]")
                .replacing(/offset \d+m/, with: "offset 6s")
            try directory.write(text, to: "rules.d/\(name)")
        }
    }

    /// A port that nobody listened on a moment ago.
    private static func freePort() throws -> Int {
        let program =
            "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/python3")
        python.arguments = ["-c", program]
        let pipe = Pipe()
        python.standardOutput = pipe
        try python.run()
        let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
        python.waitUntilExit()
        return try #require(Int(String(decoding: text, as: UTF8.self).filter(\.isNumber)))
    }

    private var data: String { directory.appending("data") }

    private func start(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        let log = directory.appending("log-\((program as NSString).lastPathComponent)")
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        try process.run()
        return process
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, out: String)
    {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ["ULLAGE_DATA_DIR": data, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }

    private func ullage(_ arguments: String...) throws -> (code: Int32, out: String) {
        try run(Products.ullage, arguments)
    }

    /// The alerts that Alertmanager holds to be firing, by name.
    private func active() throws -> Set<String> {
        let answer = try run("/usr/bin/curl", ["-s", "http://127.0.0.1:\(port)/api/v2/alerts"]).out
        let matches = answer.matches(of: /"alertname":"(\w+)"/)
        return Set(matches.map { String($0.output.1) })
    }

    private var told: Set<String> {
        Set((contents(directory.appending("told")) ?? "").split(separator: "\n").map(String.init))
    }

    @Test("OOM, throttling, a full volume and a restart loop fire and resolve")
    func workloads() throws {
        let expected: Set = [
            "ContainerOOMKilled", "ContainerCPUThrottled", "FilesystemFull", "ContainersDyingOften",
        ]
        let alertmanager = try start(
            "/usr/bin/prometheus-alertmanager",
            [
                "--config.file=\(directory.appending("alertmanager.yml"))",
                "--storage.path=\(directory.appending("am"))",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ])
        defer { alertmanager.terminate() }
        let agent = try start(
            Products.ullage,
            [
                "agent", "--config", directory.appending("ullage.yaml"), "--data-dir", data,
                "--listen", "127.0.0.1:0",
            ])
        defer { agent.terminate() }
        let isReady = try eventually { try ullage("alerts").code == 0 }
        #expect(isReady)

        let volume = directory.appending("volume")
        try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
        try run("/bin/mount", ["-t", "tmpfs", "-o", "size=1m", "ullage-test", volume])
        defer { _ = try? run("/bin/umount", ["-l", volume]) }
        let hungry = "while :; do (dd if=/dev/zero of=/dev/null bs=64M count=1); sleep 0.2; done"
        for (name, limit, script) in [
            ("hungry", ["--memory", "16m"], hungry),
            ("throttled", ["--cpus", "0.05"], "while :; do :; done"),
        ] {
            let begin = ["run", "-d", "--name", name] + limit + ["--rootfs", rootfs, "--"]
            #expect(try run(Products.ullage, begin + ["/bin/sh", "-c", script]).code == 0)
        }
        defer { _ = try? ullage("rm", "-f", "hungry", "throttled") }
        try directory.write(String(repeating: "x", count: 1 << 20), to: "volume/full")
        // A service that is started again each time it fails.
        var isLooping = true
        let fired = try eventually(within: 60) {
            if isLooping {
                _ = try ullage("run", "--name", "looping", "--rootfs", rootfs, "--", "/bin/false")
                _ = try ullage("rm", "looping")
                isLooping = try !active().contains("ContainersDyingOften")
            }
            return told.isSuperset(of: expected.map { "firing \($0)" })
        }
        #expect(fired, "\(told)")
        #expect(try ullage("alerts", "history").out.contains("ContainerCPUThrottled"))
        let shown = try ullage("alerts", "show", "ContainerCPUThrottled", "--ascii").out
        #expect(shown.contains("throttled is held back in") && shown.contains("fires when"))

        _ = try ullage("rm", "-f", "hungry", "throttled")
        try FileManager.default.removeItem(atPath: volume + "/full")
        let resolved = try eventually(within: 60) {
            try told.isSuperset(of: expected.map { "resolved \($0)" })
                && active().isDisjoint(with: expected)
        }
        let left = try active()
        #expect(resolved, "\(told) \(left)")
    }
}
