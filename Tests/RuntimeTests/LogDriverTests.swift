// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Runtime
import TestSupport
import Testing

/// Logs of real containers.
@Suite("Log drivers", .enabled(if: isRoot, "running containers needs root"))
struct LogDriverTests {
    let host: LogHost

    init() throws { host = try LogHost() }

    @Test("Over all files of a rotating log, no line is lost and none is twice")
    func rotation() throws {
        let run = try host.finished(
            "busybox seq 1 40000", options: ["max-size": "50k", "max-file": "1000"])
        #expect(run.code == 0)
        #expect(try run.files.lines() == (1...40000).map(String.init))
        #expect(run.files.paths.count > 40)
        for path in run.files.paths.dropLast() {
            let size = try #require(contents(path)?.utf8.count)
            // Docker looks at the size before each record, so a file is over by less than one.
            #expect((50_000..<50_200).contains(size), "\(path) has \(size) bytes")
        }
    }

    @Test("Who starts a container and stays has its outputs as they come, with any log driver")
    func attached() throws {
        let outputs = try AttachedOutputs()
        let script = "busybox seq 1 30000; echo oops >&2; printf end; exit 3"
        let container = try host.start(script, driver: "none", outputs: outputs)
        var (stdout, stderr) = ("", "")
        outputs.read { stream, bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            if stream == .stdout { stdout += text } else { stderr += text }
        }
        #expect(stdout == (1...30000).map { "\($0)\n" }.joined() + "end")
        #expect(stderr == "oops\n")
        #expect(try host.runtime.awaitEnd(container) == 3)
    }

    @Test("A container goes on when who stayed with it has gone")
    func detached() throws {
        var outputs: AttachedOutputs? = try AttachedOutputs()
        // More than fits into the sockets, so that some of it comes after they were closed.
        let container = try host.start(
            "busybox seq 1 300000; exit 5", driver: "none", outputs: outputs)
        outputs = nil
        #expect(try host.runtime.awaitEnd(container) == 5)
    }

    @Test("Only the newest max-file files are kept, and those without a hole")
    func oldFilesGo() throws {
        let run = try host.finished(
            "busybox seq 1 5000", options: ["max-size": "20k", "max-file": "3"])
        #expect(run.files.paths.map(run.files.suffix) == [".2", ".1", ""])
        let lines = try run.files.lines()
        #expect(lines.last == "5000")
        #expect(lines == ((5001 - lines.count)...5000).map(String.init))
    }

    @Test("With one file, what is full begins anew")
    func oneFile() throws {
        let run = try host.finished("busybox seq 1 5000", options: ["max-size": "20k"])
        #expect(run.files.paths.map(run.files.suffix) == [""])
        let lines = try run.files.lines()
        #expect(lines == ((5001 - lines.count)...5000).map(String.init))
    }

    @Test("Compressed files are whole, and gzip reads them")
    func compression() throws {
        let run = try host.finished(
            "busybox seq 1 20000",
            options: ["max-size": "50k", "max-file": "1000", "compress": "true"])
        let files = run.files
        #expect(try files.lines() == (1...20000).map(String.init))
        #expect(files.paths.map(files.suffix).contains(".1.gz"))
        #expect(!files.paths.contains { $0.hasSuffix(".tmp") })
    }

    @Test("With the driver none nothing is kept, and the counts are right")
    func noLog() throws {
        let run = try host.finished("echo 1; echo 22 >&2", driver: "none")
        #expect(run.files.paths.isEmpty)
        #expect(run.container.logSource == .none)
        #expect(try run.counters() == [1, 1, 2, 3, 0, 2, 3])
    }

    /// `Tests/KernelLane/golden` has what Docker wrote of the same command.
    @Test("The file is Docker's own, byte for byte, but for the times")
    func sameAsDocker() throws {
        let golden = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "KernelLane/golden")
        let torture = try gunzip(golden.appending(path: "torture.gz").path)
        try torture.write(to: URL(filePath: host.rootfs + "/torture"))
        let run = try host.finished(
            "cat /torture; sleep 0.3; cat /torture >&2; sleep 0.3; echo end")
        let path = try #require(run.files.paths.first)
        let ours = withoutTimes(try Data(contentsOf: URL(filePath: path)))
        let dockers = withoutTimes(try gunzip(golden.appending(path: "docker-json.log.gz").path))
        #expect(ours.count == 26 && ours == dockers)
    }

    @Test("Labels, variables and a tag go with each record, as Docker writes them")
    func attributes() throws {
        let run = try host.finished(
            "echo 'with attributes'", name: "attrs",
            options: ["labels": "team", "env": "REGION", "tag": "{{.Name}}"]
        ) { spec in
            spec.labels = ["team": "a", "other": "b"]
            spec.environment = ["REGION=eu", "MORE=1"]
        }
        let path = try #require(run.files.paths.first)
        let text = try #require(contents(path))
        #expect(
            text.hasPrefix(
                #"{"log":"with attributes\n","stream":"stdout","attrs":{"REGION":"eu","tag":"attrs","#
                    + #""team":"a"},"time":""#))
    }

    private func gunzip(_ path: String) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/gzip")
        process.arguments = ["-dc", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "gzip refuses \(path)")
        return data
    }

    /// Records up to where their time begins.
    private func withoutTimes(_ file: Data) -> [Data] {
        let mark = Data("\"time\":\"".utf8)
        return file.split(separator: 0x0a).map { record in
            let end = record.range(of: mark, options: .backwards)?.lowerBound ?? record.endIndex
            return Data(record[..<end])
        }
    }

    @Test("In mode non-blocking nothing is lost while there is room")
    func nonBlocking() throws {
        let run = try host.finished(
            "busybox seq 1 20000; echo end >&2",
            options: ["mode": "non-blocking", "max-buffer-size": "64m"])
        #expect(try run.files.lines(of: "stdout") == (1...20000).map(String.init))
        #expect(try run.files.lines(of: "stderr") == ["end"])
        let words = try run.counters()
        #expect(words[4] == 0)
        #expect(words[2] == words[5] && words[3] == words[6])
    }
}
