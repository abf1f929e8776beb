// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LogStore
import Logs
import Model
import Synchronization
import TestSupport
import Testing

/// Files being written, tailed into a store by a thread as the agent has it.
private final class Host {
    let directory: TemporaryDirectory
    private(set) var tailing: LogTailing
    private(set) var store: LogStore
    private var running: Thread?
    private let ended = DispatchSemaphore(value: 0)

    init(settle: Int64 = 1_000_000) throws {
        directory = try TemporaryDirectory("tailing")
        (store, tailing) = try Self.begin(directory, settle)
        start()
    }

    private static func begin(
        _ directory: TemporaryDirectory, _ settle: Int64
    ) throws -> (LogStore, LogTailing) {
        let store = try LogStore(directory: directory.appending("store"))
        var options = LogTailing.Options()
        options.settle = settle
        options.lineWait = 50_000_000
        options.quota = 4096
        return (store, try LogTailing(sink: store, options: options))
    }

    private func start() {
        let (tailing, ended) = (tailing, ended)
        Thread.detachNewThread {
            try? tailing.run()
            ended.signal()
        }
    }

    /// Another agent on the same files; the one before loses what it did not write down.
    func restart() throws {
        stop()
        (store, tailing) = try Self.begin(directory, 1_000_000)
        start()
    }

    func stop() {
        tailing.stop()
        ended.wait()
    }

    deinit { tailing.stop() }

    func source(_ id: String, hasEnded: Bool = false) -> TailSource {
        TailSource(
            identity: LogIdentity(id: id, name: id, createdAt: 0),
            path: directory.appending("logs/\(id)/\(id)-json.log"), format: .jsonFile,
            hasEnded: hasEnded)
    }

    func append(_ text: String, to name: String) throws {
        let path = directory.appending(name)
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: true)
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        defer { close(file) }
        var text = text
        text.withUTF8 { #expect(write(file, $0.baseAddress, $0.count) == $0.count) }
    }

    static func record(_ text: String, partial: Bool = false) -> String {
        #"{"log":"\#(text)\#(partial ? "" : "\\n")","stream":"stdout","#
            + #""time":"2026-01-31T10:00:00Z"}"# + "\n"
    }

    func lines(_ id: String) -> [String] {
        let archive = LogArchive(directory: directory.appending("store"))
        var query = LogQuery()
        query.matchers = [Matcher("id", .equal, id)]
        guard let cursor = try? archive.select(query) else { return [] }
        var lines: [String] = []
        while let entry = try? cursor.next() {
            lines.append(String(decoding: entry.bytes, as: UTF8.self))
        }
        return lines
    }
}

@Suite("Tailing into the store") struct TailingTests {
    @Test("Lines of several logs come in, over rotations and restarts, each once")
    func restartsAndRotations() throws {
        let host = try Host()
        host.tailing.setSources(["a", "b"].map { host.source($0) })
        var expected: [String] = []
        for round in 0..<12 {
            for i in 0..<40 {
                let line = "round \(round) line \(i)"
                expected.append(line)
                for id in ["a", "b"] {
                    try host.append(Host.record(line), to: "logs/\(id)/\(id)-json.log")
                }
            }
            let path = host.directory.appending("logs/a/a-json.log")
            switch round % 4 {
            case 1:
                for aside in [3, 2, 1] { rename("\(path).\(aside)", "\(path).\(aside + 1)") }
                rename(path, path + ".1")
            case 2:
                try host.restart()
                host.tailing.setSources(["a", "b"].map { host.source($0) })
            default: break
            }
        }
        #expect(eventually { host.lines("a") == expected && host.lines("b") == expected })
        #expect(host.tailing.counters(of: "b")?.stdoutLines ?? 0 > 0)
        host.stop()
    }

    @Test("A log that is no longer wanted is read to its end, and its last line ended")
    func goneAndEnded() throws {
        let host = try Host()
        try host.append(
            Host.record("one") + Host.record("no end", partial: true),
            to: "logs/a/a-json.log")
        host.tailing.setSources([host.source("a", hasEnded: true)])
        #expect(eventually { host.lines("a") == ["one", "no end"] })
        host.tailing.setSources([host.source("b")])
        #expect(eventually { host.tailing.statistics.logs == 1 })
        // A prompt is shown though no newline comes.
        try host.append(Host.record("prompt> ", partial: true), to: "logs/b/b-json.log")
        #expect(eventually { host.lines("b") == ["prompt> "] })
        host.stop()
    }

    @Test("Files that patterns name are found when they appear, pods by their names")
    func patterns() throws {
        let host = try Host()
        let root = host.directory.path
        host.tailing.setFiles([
            LogFileGlob(root + "/plain/*.log"),
            LogFileGlob(root + "/pods/*/*/*.log", format: .cri, naming: .pod),
        ])
        try host.append("first\r\n", to: "plain/a.log")
        try host.append("not a log\n", to: "plain/a.txt")
        #expect(eventually { host.lines(root + "/plain/a.log") == ["first"] })
        try host.append("new\n", to: "plain/b.log")
        symlink("/etc/passwd", root + "/plain/c.log")
        #expect(eventually { host.lines(root + "/plain/b.log") == ["new"] })
        try host.append(
            "2026-01-31T10:00:00Z stderr F out\n", to: "pods/ns_web-0_uid1/app/0.log")
        #expect(eventually { host.lines("uid1-app-0") == ["out"] })
        let archive = LogArchive(directory: root + "/store")
        let pod = try #require(try archive.logs([Matcher("pod", .equal, "web-0")]).first)
        #expect(pod.name == "ns/web-0/app")
        #expect(pod.streamLabels["container"] == "app")
        #expect(pod.streamLabels["namespace"] == "ns")
        #expect(try archive.logs([]).count == 3)
        host.stop()
    }

    @Test("What the sink refuses is offered again and not lost")
    func refusingSink() throws {
        let directory = try TemporaryDirectory("refusing")
        let path = try directory.write(
            (0..<200).map { Host.record("line \($0)") }.joined(), to: "x/x-json.log")
        let sink = RefusingSink()
        let tailing = try LogTailing(sink: sink)
        tailing.setSources([
            TailSource(
                identity: LogIdentity(id: "x", name: "x", createdAt: 0), path: path,
                format: .jsonFile)
        ])
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            try? tailing.run()
            ended.signal()
        }
        #expect(eventually { tailing.statistics.errors > 0 })
        #expect(eventually { sink.count == 200 })
        tailing.stop()
        ended.wait()
    }
}

/// Refuses the first batches, as a store on a full disk does.
private final class RefusingSink: LogSink {
    private struct State {
        var refusals = 1
        var count = 0
        var checkpoint = LogCheckpoint()
    }

    private let state = Mutex(State())

    struct Full: Error {}

    var count: Int { state.withLock { $0.count } }

    func checkpoint(of identity: LogIdentity) throws -> LogCheckpoint {
        state.withLock { $0.checkpoint }
    }

    func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws {
        let (items, checkpoint) = (batch.items.count, batch.checkpoint)
        try state.withLock { state in
            state.refusals -= 1
            guard state.refusals < 0 else { throw Full() }
            state.count += items
            state.checkpoint = checkpoint
        }
    }

    func flush(_ identity: LogIdentity) throws {}
    func close(_ identity: LogIdentity) throws {}
}
