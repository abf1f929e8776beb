// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import LogStore
import Logs
import Model
import Synchronization
import TestSupport
import Testing

/// Files that real engines wrote, made by `Tests/KernelLane/golden/make.sh`: Docker 20.10, Podman
/// 4.3 and containerd 1.6 on systemd 252, the same bytes with each driver.
private enum Golden {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "KernelLane/golden")

    static func bytes(_ name: String) throws -> [UInt8] {
        let file = [UInt8](try Data(contentsOf: directory.appending(path: name + ".gz")))
        let reader = try #require(GzipReader())
        var result: [UInt8] = []
        var output = [UInt8](repeating: 0, count: 1 << 20)
        var taken = 0
        while !reader.isAtEnd {
            let step = file[taken...].withUnsafeBytes { from in
                output.withUnsafeMutableBytes { reader.read(from, into: $0) }
            }
            let (more, made) = try #require(step)
            try #require(more + made > 0)
            taken += more
            result += output[..<made]
        }
        return result
    }

    /// What both outputs of the container had, line by line; `end` followed on the first.
    static func lines() throws -> (stdout: [[UInt8]], stderr: [[UInt8]]) {
        let torture = try bytes("torture")
        func lines(_ bytes: [UInt8]) -> [[UInt8]] {
            bytes.split(separator: 0x0a, omittingEmptySubsequences: false).map { Array($0) }
        }
        return (lines(torture + Array("end".utf8)), lines(torture))
    }
}

@Suite("Files of real engines") struct EngineFilesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("engines") }

    /// The lines of a golden file, of each output.
    private func read(
        _ names: [(golden: String, name: String)], _ format: LogFormat
    ) throws -> (stdout: [[UInt8]], stderr: [[UInt8]], gaps: Int) {
        for (golden, name) in names {
            let bytes =
                name.hasSuffix(".gz")
                ? [UInt8](
                    try Data(contentsOf: Golden.directory.appending(path: golden)))
                : try Golden.bytes(golden)
            try Data(bytes).write(to: URL(filePath: directory.appending(name)))
        }
        let tailer = FileTailer(
            path: directory.appending("a.log"), format: format, checkpoint: LogCheckpoint())
        var result: (stdout: [[UInt8]], stderr: [[UInt8]], gaps: Int) = ([], [], 0)
        var more = true
        while more {
            var batch = LogBatch()
            more = try tailer.read(into: &batch, quota: 1 << 20)
            if !more { tailer.endUnfinished(into: &batch) }
            var at = 0
            for item in batch.items {
                let line = Array(batch.text[at..<(at + item.length)])
                at += item.length
                if item.isGap { result.gaps += 1 }
                if item.stream == .stdout { result.stdout.append(line) }
                if item.stream == .stderr { result.stderr.append(line) }
            }
        }
        return result
    }

    @Test("Docker's local driver, Podman's k8s-file and containerd's CRI give each byte back")
    func wholeBytes() throws {
        let expected = try Golden.lines()
        for (golden, format) in [
            ("docker-local.log", LogFormat.local), ("podman-k8s.log", .cri),
            ("containerd-cri.log", .cri),
        ] {
            let found = try read([(golden, "a.log")], format)
            #expect(found.stdout == expected.stdout, "\(golden)")
            #expect(found.stderr == expected.stderr, "\(golden)")
            #expect(found.gaps == 0)
        }
    }

    @Test("Docker's json-file gives back what it did not replace itself")
    func jsonFile() throws {
        let expected = try Golden.lines()
        let found = try read([("docker-json.log", "a.log")], .jsonFile)
        for (found, expected) in [
            (found.stdout, expected.stdout), (found.stderr, expected.stderr),
        ] {
            #expect(found.count == expected.count)
            for (one, other) in zip(found, expected) where !one.contains(0xef) {
                #expect(one == other)
            }
        }
        #expect(found.gaps == 0)
    }

    @Test("Files that Docker's local driver put aside and compressed are read with the last")
    func rotated() throws {
        let names =
            [("docker-rotated.log", "a.log")]
            + (1...3).map { ("docker-rotated.log.\($0).gz", "a.log.\($0).gz") }
        let found = try read(names, .local)
        let first = try #require(found.stdout.first)
        let number = try #require(
            String(decoding: first, as: UTF8.self).split(separator: " ").dropFirst().first
                .flatMap { Int($0) })
        #expect(number < 250)
        #expect(
            found.stdout.map { String(decoding: $0, as: UTF8.self) }
                == (number..<400).map { "line \($0) of many, to fill files that are put aside" })
        #expect(found.gaps == 0)
    }
}

/// libsystemd is there wherever systemd is; a host without it has no journal either.
private let hasLibrary = ["/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib"]
    .contains { FileManager.default.fileExists(atPath: $0 + "/libsystemd.so.0") }

@Suite("A journal that engines wrote to", .enabled(if: hasLibrary, "libsystemd is needed"))
struct EngineJournalTests {
    private let directory: TemporaryDirectory
    private let store: LogStore

    init() throws {
        directory = try TemporaryDirectory("journal")
        try FileManager.default.createDirectory(
            atPath: directory.appending("journal"), withIntermediateDirectories: true)
        try Data(try Golden.bytes("engines.journal"))
            .write(to: URL(filePath: directory.appending("journal/system.journal")))
        store = try LogStore(directory: directory.appending("store"))
    }

    /// Stores, and ends the reading after the first batch.
    private final class BriefSink: LogSink {
        let store: LogStore
        let tailing = Mutex<JournalTailing?>(nil)

        init(_ store: LogStore) { self.store = store }

        func checkpoint(of identity: LogIdentity) throws -> LogCheckpoint {
            try store.checkpoint(of: identity)
        }

        func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws {
            try store.append(batch, of: identity)
            tailing.withLock { $0?.stop() }
        }

        func flush(_ identity: LogIdentity) throws { try store.flush(identity) }
        func close(_ identity: LogIdentity) throws { try store.close(identity) }
    }

    private func tailing(
        batch: Int = 2048, into sink: (any LogSink)? = nil
    ) throws -> JournalTailing {
        var options = JournalTailing.Options()
        options.directory = directory.appending("journal")
        options.cursorPath = directory.appending("cursor")
        options.history = 20 * 365 * 86_400_000
        options.lineWait = 1_000_000
        options.batch = batch
        let tailing = try JournalTailing(sink: sink ?? store, options: options)
        tailing.setUnits(["*.service"])
        return tailing
    }

    /// Reads until `condition` holds, as an agent that is then stopped.
    private func run(_ tailing: JournalTailing, until condition: () -> Bool) {
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            tailing.run()
            ended.signal()
        }
        tailing.setContainers([])
        let isReached = eventually(condition)
        #expect(isReached)
        tailing.stop()
        ended.wait()
        try? store.flush()
    }

    private func entries(_ name: String) throws -> [LogEntry] {
        var query = LogQuery()
        query.matchers = [Matcher("name", .equal, name)]
        let cursor = try LogArchive(directory: directory.appending("store")).select(query)
        var result: [LogEntry] = []
        while let entry = try cursor.next() { result.append(entry) }
        return result
    }

    @Test("Docker's and Podman's containers have each byte, a unit its levels")
    func lines() throws {
        let tailing = try tailing()
        run(tailing) { isComplete }
        #expect(tailing.statistics.entries == 59)
        let expected = try Golden.lines()
        for name in ["journal", "pjournal"] {
            let found = try entries(name)
            #expect(found.filter { $0.stream == .stdout }.map(\.bytes) == expected.stdout)
            #expect(found.filter { $0.stream == .stderr }.map(\.bytes) == expected.stderr)
        }
        let unit = try entries("golden.service")
        #expect(
            unit.map { "\($0.level.name) \(String(decoding: $0.bytes, as: UTF8.self))" }.dropFirst()
                .prefix(3) == [
                    "info a line of a unit", "error an error of a unit",
                    #"warn level=warn msg="a warning""#,
                ])
        let logs = try LogArchive(directory: directory.appending("store")).logs([])
        #expect(
            logs.map { "\($0.name) \($0.labels["engine"] ?? "")" }.sorted() == [
                "golden.service systemd", "journal docker", "pjournal podman",
            ])
        #expect(logs.contains { $0.id == "/system.slice/golden.service" })
    }

    @Test("Read in steps, stopped and begun again, each entry is there once")
    func restarts() throws {
        var rounds = 0
        while !isComplete, rounds < 30 {
            let before = count
            let sink = BriefSink(store)
            let tailing = try tailing(batch: 5, into: sink)
            sink.tailing.withLock { $0 = tailing }
            run(tailing) { count > before || isComplete }
            sink.tailing.withLock { $0 = nil }
            rounds += 1
        }
        #expect(rounds > 5)
        let expected = try Golden.lines()
        for name in ["journal", "pjournal"] {
            let found = try entries(name).filter { $0.stream == .stdout }
            #expect(found.map(\.bytes) == expected.stdout)
        }
    }

    private var count: Int {
        ["journal", "pjournal", "golden.service"].reduce(0) { $0 + ((try? entries($1).count) ?? 0) }
    }

    /// Whether all is there: ten lines of each output, the unit's three lines and two of its starts.
    private var isComplete: Bool { count == 45 }

    @Test("Entries that were removed before they were read are a gap in each log there was")
    func removed() throws {
        run(try tailing()) { isComplete }
        // As if reading had ended at an entry that is gone.
        let cursor = try #require(contents(directory.appending("cursor")))
        let parts = cursor.split(separator: ";")
        let other = parts.map { $0.hasPrefix("s=") ? "s=" + String(repeating: "a", count: 32) : $0 }
        try directory.write(other.joined(separator: ";"), to: "cursor")
        let tailing = try tailing()
        run(tailing) { tailing.statistics.losses == 1 }
        #expect(tailing.statistics.losses == 1)
    }
}
