// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// The real programs, as a user starts them.
@Suite("Agent and command line", .enabled(if: geteuid() == 0, "running containers needs root"))
struct AgentTests {
    let directory: TemporaryDirectory
    let rootfs: String

    init() throws {
        directory = try TemporaryDirectory("agent")
        rootfs = try makeBusyboxRoot(in: directory)
        try directory.write("sampling:\n  interval: 1s\n", to: "ullage.yaml")
    }

    private var data: String { directory.appending("data") }

    private func startAgent() throws -> Process {
        let agent = Process()
        agent.executableURL = URL(filePath: Products.ullage)
        agent.arguments = [
            "agent", "--config", directory.appending("ullage.yaml"), "--data-dir", data,
            "--listen", "127.0.0.1:0",
        ]
        agent.standardError = FileHandle.nullDevice
        try agent.run()
        return agent
    }

    /// Runs a command to its end: exit code, stdout, stderr.
    private func ullage(_ arguments: String...) throws -> (code: Int32, out: String, err: String) {
        let process = Process()
        process.executableURL = URL(filePath: Products.ullage)
        process.arguments = arguments
        process.environment = ["ULLAGE_DATA_DIR": data, "PATH": "/usr/bin:/bin"]
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        try process.run()
        let text = try out.fileHandleForReading.readToEnd() ?? Data()
        let errors = try err.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: text, as: UTF8.self),
            String(decoding: errors, as: UTF8.self)
        )
    }

    @Test("A container is run, measured, logged and queried, across a kill -9 of the agent")
    func mainJob() throws {
        var agent = try startAgent()
        defer { agent.terminate() }
        let script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.2; done"
        let run = try ullage(
            "run", "-d", "--name", "talker", "--memory", "64m", "--cpus", "0.5", "--rootfs", rootfs,
            "--", "/bin/sh", "-c", script)
        #expect(run.code == 0, "\(run.err)")
        defer { _ = try? ullage("rm", "-f", "talker") }

        let query = "rate(container_cpu_usage_seconds_total{name=\"talker\"}[10s])"
        let measured = try eventually { try ullage("query", query).out.contains("talker") }
        #expect(measured)
        #expect(try ullage("ps").out.contains("talker"))
        #expect(try ullage("stats", "--no-stream").out.contains("64.0MiB"))
        let csv = try ullage("stats", "--no-stream", "-o", "csv", "--sort", "cpu").out
        #expect(csv.hasPrefix("name,id,engine,") && csv.contains("\r\ntalker,"))
        #expect(try ullage("stats", "--no-stream", "-o", "wide").out.contains("THROTTLED"))
        #expect(try ullage("ps", "-o", "wide", "--filter", "status=running").out.contains("talker"))
        let top = try ullage("top", "talker")
        #expect(top.out.contains("/bin/sh -c i=0"), "\(top.out)\(top.err)")
        #expect(try ullage("top", "nobody").code == 1)
        let audit = try ullage("audit", "-o", "wide", "--fail-on", "low", "talker")
        #expect(audit.code == 1 && audit.out.contains("writable_rootfs"), "\(audit.err)")
        #expect(audit.out.contains("--read-only"))
        let connected = try eventually { try ullage("networks").out.contains("talker") }
        #expect(connected)
        #expect(try ullage("sd").out == "[]\n")
        #expect(try ullage("volumes").code == 0 && ullage("images").code == 0)
        #expect(try ullage("inspect", "talker", "-o", "table").out.contains("64.0MiB"))
        #expect(try ullage("logs", "talker").out.hasPrefix("line 0\nline 1\n"))
        #expect(try ullage("inspect", "talker").out.contains("\"memory_bytes\" : 67108864"))

        kill(agent.processIdentifier, SIGKILL)
        agent.waitUntilExit()
        #expect(try ullage("query", "container_threads").code == 69)
        #expect(try ullage("ps").out.contains("Up"))
        agent = try startAgent()
        let counted = "count_over_time(container_threads{name=\"talker\"}[1h])"
        let continued = try eventually {
            let answer = try ullage("query", counted).out.split(separator: "\n").last ?? ""
            let value = answer.split(separator: " ").dropLast().last.flatMap { Double($0) } ?? 0
            return value >= 4
        }
        #expect(continued, "samples from before the kill are still there")
    }

    @Test("The agent needs no root to see containers that root runs")
    func unprivileged() throws {
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        chown(data, 65534, 65534)
        let agent = Process()
        agent.executableURL = URL(filePath: "/usr/bin/setpriv")
        agent.arguments = [
            "--reuid=65534", "--regid=65534", "--clear-groups",
            "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", Products.ullage,
            "agent", "--config", directory.appending("ullage.yaml"), "--data-dir", data,
            "--listen", "127.0.0.1:0",
        ]
        agent.standardError = FileHandle.nullDevice
        try agent.run()
        defer { agent.terminate() }
        let run = try ullage(
            "run", "-d", "--name", "seen", "--memory", "64m", "--rootfs", rootfs, "--",
            "/bin/sleep",
            "1000")
        #expect(run.code == 0, "\(run.err)")
        defer { _ = try? ullage("rm", "-f", "seen") }
        let seen = try eventually(within: 8) {
            try ullage("query", "container_memory_usage_bytes{name=\"seen\"}").out.contains("seen")
        }
        #expect(seen)
    }

    @Test("A container that lives for 200 ms is recorded once, with its totals, and followed live")
    func shortLife() throws {
        let agent = try startAgent()
        defer { agent.terminate() }
        let ready = try eventually { try ullage("stats", "--no-stream").code == 0 }
        #expect(ready)
        let script = "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; sleep 0.1; exit 4"
        let run = try ullage(
            "run", "--name", "brief", "--memory", "64m", "--rootfs", rootfs, "--", "/bin/sh", "-c",
            script)
        #expect(run.code == 4, "\(run.err)")
        let ended = try eventually {
            try ullage("events", "-f", "container=brief", "-f", "event=die").out.contains("code 4")
        }
        #expect(ended)
        #expect(try ullage("rm", "brief").code == 0)
        let removed = try eventually {
            try ullage("events", "-f", "event=remove").out.contains("brief")
        }
        #expect(removed)
        let lines = try ullage("events", "-f", "container=brief", "-o", "json").out
            .split(separator: "\n").map(String.init)
        #expect(lines.count == 4)
        let kinds = lines.map { line in
            ["create", "start", "die", "remove"].first { line.contains("\"event\":\"\($0)\"") }
        }
        #expect(kinds == ["create", "start", "die", "remove"])
        #expect(lines.contains { $0.contains("\"cpu_seconds\":0.") && $0.contains("memory_peak") })
    }

    @Test("Mistakes are said in a sentence, with the exit code of their kind")
    func mistakes() throws {
        let missing = try ullage("run", "--name", "x", "--rootfs", rootfs, "--", "nosuch")
        #expect(missing.code == 127)
        #expect(missing.err.contains("executing nosuch"))
        let name = try ullage("run", "--name", "a\n\u{1b}", "--rootfs", rootfs, "--", "true")
        #expect(name.code == 125)
        #expect(!name.err.contains("\u{1b}"))
        #expect(try ullage("logs", "nobody").code == 1)
        #expect(try ullage("stats", "--no-stream").code == 69)
        #expect(try ullage("ps", "--nonsense").code == 64)
        try directory.write("sampling: {intervall: 1s}\n", to: "bad.yaml")
        let config = try ullage("config", "check", directory.appending("bad.yaml"))
        #expect(config.code == 65)
        #expect(config.err.contains("bad.yaml:1:12: unknown key `intervall`"))
        #expect(
            try ullage("run", "--name", "y", "--rootfs", rootfs, "--", "sh", "-c", "exit 3").code
                == 3)
        #expect(try ullage("rm", "y").code == 0)
    }
}
