// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// Rules in the real agent, from files to the store and the API.
@Suite("Rules in the agent")
struct RulesTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("rules")
        try directory.write(
            "sampling:\n  interval: 1s\nrules:\n  directory: \(directory.appending("rules.d"))\n"
                + "  evaluation_interval: 1s\n  external_labels: {host: here}\n", to: "ullage.yaml")
    }

    private func startAgent() throws -> Process {
        let agent = Process()
        agent.executableURL = URL(filePath: Products.ullage)
        agent.arguments = [
            "agent", "--config", directory.appending("ullage.yaml"), "--data-dir",
            directory.appending("data"), "--listen", "127.0.0.1:0",
        ]
        let log = directory.appending("log")
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        agent.standardError = FileHandle(forWritingAtPath: log)
        try agent.run()
        return agent
    }

    private func ullage(_ arguments: String...) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: Products.ullage)
        process.arguments = arguments
        process.environment = ["ULLAGE_DATA_DIR": directory.appending("data")]
        let out = Pipe()
        process.standardOutput = out
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = try out.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }

    @Test("Rules are evaluated, shown, and read again; bad files keep nothing from running")
    func agent() throws {
        let good = """
            groups:
            - name: g
              rules:
              - {record: agent_is, expr: ullage_build_info * 2}
              - alert: AgentRuns
                expr: agent_is > 1
                annotations: {summary: "on {{ $externalLabels.host }}: {{ $value }}"}
            """
        try directory.write(good, to: "rules.d/good.yaml")
        try directory.write(
            "groups:\n- name: broken\n  rules:\n  - expr: (\n", to: "rules.d/bad.yaml")
        let agent = try startAgent()
        defer {
            agent.terminate()
            agent.waitUntilExit()
        }
        let recorded = try eventually { try ullage("query", "agent_is").contains("agent_is") }
        #expect(recorded)
        let fires = try eventually {
            try ullage("query", "ALERTS{alertstate=\"firing\"}").contains("AgentRuns")
        }
        #expect(fires)
        #expect(try ullage("rules", "ls").contains("agent_is"))
        #expect(
            try ullage("query", "prometheus_rule_evaluations_total").contains("good.yaml;g"))
        let said = eventually {
            contents(directory.appending("log"))?.contains("bad.yaml:4:") ?? false
        }
        #expect(said)

        // A bad reload changes nothing.
        try directory.write(good.replacing("agent_is", with: "other_is"), to: "rules.d/good.yaml")
        kill(agent.processIdentifier, SIGHUP)
        let refused = eventually {
            contents(directory.appending("log"))?.contains("the rules in use stay") ?? false
        }
        #expect(refused)
        #expect(try ullage("rules", "ls").contains("agent_is"))

        try FileManager.default.removeItem(atPath: directory.appending("rules.d/bad.yaml"))
        kill(agent.processIdentifier, SIGHUP)
        let renewed = try eventually { try ullage("query", "other_is").contains("other_is") }
        #expect(renewed)
        #expect(try !ullage("query", "agent_is").contains("agent_is"))
        #expect(try !ullage("rules", "ls").contains("agent_is"))
    }
}
