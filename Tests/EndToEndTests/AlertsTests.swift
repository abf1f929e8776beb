// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// Alerts by the real programs: silences, tests of receivers, and who may change what.
@Suite("Alerts and the command line")
struct AlertsTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("alerts")
        try directory.write("nothing\n", to: "told")
        try directory.write(
            """
            sampling: {interval: 1s}
            discovery: {engines: [cgroup]}
            alerts:
              receivers:
                - name: ops
                  exec_configs:
                    - command: [/bin/sh, -c, 'echo "$ULLAGE_ALERT_1_NAME" >> \(directory.appending("told"))']
                - name: broken
                  webhook_configs: [{url: 'http://169.254.169.254/'}]
              route: {receiver: ops}
            """, to: "ullage.yaml")
    }

    private var data: String { directory.appending("data") }

    private func startAgent(port: Int = 0) throws -> Process {
        let agent = Process()
        agent.executableURL = URL(filePath: Products.ullage)
        agent.arguments = [
            "agent", "--config", directory.appending("ullage.yaml"), "--data-dir", data,
            "--listen", "127.0.0.1:\(port)",
        ]
        let log = directory.appending("log")
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        agent.standardError = FileHandle(forWritingAtPath: log)
        try agent.run()
        _ = eventually { (try? ullage("alerts", "silence").code) == 0 }
        return agent
    }

    /// Runs a command to its end: exit code, and all it wrote.
    private func ullage(_ arguments: String...) throws -> (code: Int32, out: String) {
        try run(Products.ullage, arguments)
    }

    private func run(_ program: String, _ arguments: [String]) throws -> (code: Int32, out: String)
    {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ["ULLAGE_DATA_DIR": data, "PATH": "/usr/bin:/bin", "USER": "tester"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }

    @Test("A silence is made, listed, kept over a kill -9, and ended")
    func silences() throws {
        var agent = try startAgent()
        defer { agent.terminate() }
        #expect(try ullage("alerts", "silence").out == "There are no silences.\n")
        let added = try ullage(
            "alerts", "silence", "add", "name=~web.*", "severity!=critical", "--for", "2h",
            "--comment", "moving\u{1b}[31m house")
        #expect(added.code == 0, "\(added.out)")
        let id = added.out.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(id.count == 36)
        kill(agent.processIdentifier, SIGKILL)
        agent.waitUntilExit()
        agent = try startAgent()
        let listed = try ullage("alerts", "silence", "ls").out
        #expect(listed.contains(id) && listed.contains("{name=~\"web.*\",severity!=\"critical\"}"))
        #expect(listed.contains("tester") && !listed.contains("\u{1b}"))
        #expect(try ullage("alerts", "silence", "expire", String(id.prefix(8))).code == 0)
        #expect(try ullage("alerts", "silence", "expire", id).code == 1)
        #expect(try ullage("alerts", "silence", "ls", "--all").out.contains("expired"))
        #expect(try ullage("alerts", "silence", "add", "name=~.*").code == 65)
        #expect(try ullage("alerts", "silence", "add", "nonsense").code == 64)
        #expect(try ullage("alerts", "silence", "add", "a=b", "--for", "soon").code == 64)
    }

    @Test("A receiver is tested; what goes wrong is said, and nothing is told by the wrong way in")
    func receivers() throws {
        let agent = try startAgent()
        defer { agent.terminate() }
        #expect(try ullage("alerts", "test").out == "ops\nbroken\n")
        let fine = try ullage("alerts", "test", "ops")
        #expect(fine.code == 0 && fine.out == "exec: delivered\n", "\(fine.out)")
        #expect(contents(directory.appending("told")) == "nothing\nUllageTest\n")
        let broken = try ullage("alerts", "test", "broken")
        #expect(broken.code == 1 && broken.out.contains("allow_link_local"), "\(broken.out)")
        let missing = try ullage("alerts", "test", "nobody")
        #expect(missing.code == 65 && missing.out.contains("known are ops, broken"))
        let log = contents(directory.appending("log")) ?? ""
        let address = try #require(log.firstMatch(of: /http:\/\/127\.0\.0\.1:\d+/)).output
        for request in [
            ["-X", "POST", "\(address)/api/v1/alerts/test?receiver=ops"],
            ["-X", "POST", "-d", "{}", "\(address)/api/v2/silences"],
            ["-X", "DELETE", "\(address)/api/v2/silence/x"],
        ] {
            let arguments = ["-s", "-o", "/dev/null", "-w", "%{http_code}"] + request
            #expect(try run("/usr/bin/curl", arguments).out == "403", "\(request)")
        }
        let listed = ["-s", "\(address)/api/v2/silences"]
        #expect(try run("/usr/bin/curl", listed).out == "[]")
    }

    @Test("A configuration that names nobody is refused at its place")
    func unknownReceiver() throws {
        try directory.write(
            "alerts:\n  receivers: [{name: ops}]\n  route: {receiver: opps}\n", to: "bad.yaml")
        let check = try ullage("config", "check", directory.appending("bad.yaml"))
        #expect(check.code == 65)
        #expect(check.out.contains("bad.yaml:3:21: `route`: there is no receiver `opps`"))
    }

    @Test("The shipped rules pass ullage rules check and their unit tests")
    func shippedRules() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "config/rules.d").path
        func files(_ folder: String) throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                .filter { $0.hasSuffix(".yaml") }.map { "\(folder)/\($0)" }
        }
        let check = try run(Products.ullage, ["rules", "check"] + files(folder))
        #expect(check.code == 0, "\(check.out)")
        let test = try run(Products.ullage, ["rules", "test"] + files(folder + "/tests"))
        #expect(test.code == 0, "\(test.out)")
    }
}
