// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

/// `ullage storage` beside a running agent, and on what is left of one.
@Suite("Storage commands")
struct StorageTests {
    let directory: TemporaryDirectory
    private var data: String { directory.appending("data") }
    private var series: String { data + "/agent/series" }

    init() throws {
        directory = try TemporaryDirectory("storage")
        try directory.write("sampling:\n  interval: 1s\n", to: "ullage.yaml")
    }

    private func startAgent() throws -> Process {
        let agent = Process()
        agent.executableURL = URL(filePath: Products.ullage)
        agent.arguments = [
            "agent", "--config", directory.appending("ullage.yaml"), "--data-dir", data,
            "--listen", "127.0.0.1:0",
        ]
        agent.standardError = FileHandle.nullDevice
        try agent.run()
        let isSampling = try eventually {
            try storage("verify").out.contains(" samples read")
                && !storage("verify").out.hasPrefix("0 samples")
        }
        #expect(isSampling)
        return agent
    }

    private func storage(_ arguments: String...) throws -> (code: Int32, out: String, err: String) {
        let process = Process()
        process.executableURL = URL(filePath: Products.ullage)
        process.arguments = ["storage"] + arguments + ["--data-dir", data]
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

    @Test(
        "df, verify and backup work beside an agent; repair and restore refuse; a backup restores")
    func beside() throws {
        #expect(try storage("df").code == 1)
        let agent = try startAgent()
        defer { agent.terminate() }
        let usage = try storage("df", "-o", "json")
        #expect(usage.code == 0 && usage.out.contains("\"journal_bytes\""), "\(usage.err)")
        #expect(try storage("df").out.contains("write-ahead log"))
        let copy = directory.appending("copy")
        let backup = try storage("backup", copy)
        #expect(backup.code == 0, "\(backup.err)")
        let sound = try storage("verify", "--store", copy)
        #expect(sound.code == 0 && !sound.out.hasPrefix("0 samples"), "\(sound.out)\(sound.err)")
        for command in [["repair"], ["restore", copy]] {
            let refused = try storage(command[0], Array(command.dropFirst()))
            #expect(refused.code == 69 && refused.err.contains("agent is running"))
        }
        #expect(try storage("backup", copy).code == 74)
        kill(agent.processIdentifier, SIGKILL)
        agent.waitUntilExit()
        let restored = try storage("restore", copy)
        #expect(restored.code == 0 && restored.out.contains("kept as"), "\(restored.err)")
        #expect(try storage("verify").out == sound.out)
    }

    private func storage(
        _ command: String, _ arguments: [String]
    ) throws -> (code: Int32, out: String, err: String) {
        arguments.isEmpty ? try storage(command) : try storage(command, arguments[0])
    }

    @Test("What a killed agent leaves damaged is named by verify and set aside by repair")
    func damaged() throws {
        let agent = try startAgent()
        kill(agent.processIdentifier, SIGKILL)
        agent.waitUntilExit()
        let names = try FileManager.default.contentsOfDirectory(atPath: series)
        let journal = URL(
            filePath: series + "/" + (try #require(names.first { $0.hasPrefix("journal-") })))
        var bytes = try Data(contentsOf: journal)
        // A frame that is not the last, which would look as if it were cut off by the kill.
        bytes[20] ^= 0x10
        try bytes.write(to: journal)
        let found = try storage("verify")
        #expect(found.code == 1 && found.out.contains("damaged: "), "\(found.out)\(found.err)")
        let repaired = try storage("repair")
        #expect(repaired.code == 0 && repaired.out.contains("kept as"), "\(repaired.err)")
        #expect(try storage("verify").code == 0)
        #expect(try storage("repair").out == "nothing was damaged\n")
        try Data("garbage".utf8).write(to: URL(filePath: series + "/metrics.db"))
        #expect(try storage("verify").code == 1)
        let hopeless = try storage("repair")
        #expect(hopeless.code == 74 && hopeless.err.contains("restore a backup"))
    }
}
