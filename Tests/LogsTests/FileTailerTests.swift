// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Model
import TestSupport
import Testing

@testable import Logs

/// A log being written, and a tailer that is started anew from its checkpoint at will.
private final class Log {
    let directory: TemporaryDirectory
    let path: String
    var tailer: FileTailer
    let format: LogFormat
    var checkpoint = LogCheckpoint()
    var entries: [LogEntry] = []
    private var count = 0

    init(_ format: LogFormat = .jsonFile) throws {
        directory = try TemporaryDirectory("tail")
        path = directory.appending("x-json.log")
        self.format = format
        tailer = FileTailer(path: path, format: format, checkpoint: checkpoint)
    }

    /// The record of a line; times go up by a microsecond.
    func record(_ text: String, stream: String = "stdout", partial: Bool = false) -> String {
        count += 1
        let fraction = String(1_000_000 + count).dropFirst()
        let time = "2026-01-31T10:00:00.\(fraction)Z"
        if format == .cri { return "\(time) \(stream) \(partial ? "P" : "F") \(text)\n" }
        let end = partial ? "" : "\\n"
        return #"{"log":"\#(text)\#(end)","stream":"\#(stream)","time":"\#(time)"}"# + "\n"
    }

    func write(_ text: String, truncate: Bool = false) {
        let flags = O_WRONLY | O_CREAT | (truncate ? O_TRUNC : O_APPEND)
        let file = open(path, flags, 0o640)
        var text = text
        text.withUTF8 { #expect(Glibc.write(file, $0.baseAddress, $0.count) == $0.count) }
        close(file)
    }

    func rotate(_ from: String = "", _ to: String = ".1") {
        #expect(rename(path + from, path + to) == 0)
    }

    /// Reads what is there, in batches of about `quota` bytes of the file.
    func read(quota: Int = 1 << 20) throws {
        var more = true
        while more {
            var batch = LogBatch()
            more = try tailer.read(into: &batch, quota: quota)
            store(batch)
        }
    }

    func store(_ batch: LogBatch) {
        var at = 0
        for item in batch.items {
            entries.append(
                LogEntry(
                    timestamp: item.timestamp, stream: item.stream, level: item.level,
                    isPartial: item.isPartial, isGap: item.isGap,
                    bytes: Array(batch.text[at..<(at + item.length)])))
            at += item.length
        }
        checkpoint = batch.checkpoint
    }

    func restart() {
        tailer = FileTailer(path: path, format: format, checkpoint: checkpoint)
    }

    var lines: [String] {
        entries.map { String(decoding: $0.bytes, as: UTF8.self) + ($0.isPartial ? "+" : "") }
    }
}

@Suite("Tailing log files")
struct FileTailerTests {
    @Test("Lines come once, over restarts and rotations by renaming")
    func rotation() throws {
        let log = try Log()
        try log.read()
        log.write(log.record("one") + log.record("two", stream: "stderr"))
        try log.read()
        log.write(log.record("three"))
        log.rotate()
        log.write(log.record("four"))
        log.restart()
        try log.read()
        // Two rotations at once, while nobody reads.
        log.write(log.record("five"))
        log.rotate(".1", ".2")
        log.rotate()
        log.write(log.record("six"))
        log.rotate(".2", ".3")
        log.rotate(".1", ".2")
        log.rotate()
        log.write(log.record("seven"))
        try log.read()
        #expect(log.lines == ["one", "two", "three", "four", "five", "six", "seven"])
        #expect(log.entries[1].stream == .stderr)
        log.restart()
        try log.read()
        #expect(log.entries.count == 7)
    }

    @Test("A compressed file put aside is read on from where it was left")
    func compressed() throws {
        let log = try Log()
        log.write(log.record("one"))
        try log.read()
        log.write(log.record("two"))
        let bytes = try #require(contents(log.path))
        let packed = try #require(Gzip.compress(Array(bytes.utf8)))
        unlink(log.path)
        let file = open(log.path + ".1.gz", O_WRONLY | O_CREAT, 0o640)
        #expect(write(file, packed, packed.count) == packed.count)
        close(file)
        log.write(log.record("three"))
        log.restart()
        try log.read()
        #expect(log.lines == ["one", "two", "three"])
    }

    @Test("A log copied and cut loses nothing that the copy has, and repeats nothing")
    func copyTruncate() throws {
        let log = try Log()
        log.write(log.record("one"))
        try log.read()
        log.write(log.record("two"))
        let whole = try #require(contents(log.path))
        try log.directory.write(whole, to: "x-json.log.1")
        log.write("", truncate: true)
        log.write(log.record("three"))
        try log.read()
        #expect(log.lines == ["one", "two", "three"])
        log.write("", truncate: true)
        log.write(log.record("four"))
        log.restart()
        try log.read()
        #expect(
            log.lines == ["one", "two", "three", "four"] || log.entries.contains { $0.isGap })
        #expect(log.lines.filter { $0 == "four" }.count == 1)
    }

    @Test("A record that a full disk cut off is not read twice nor mixed with the next")
    func cutBack() throws {
        let log = try Log()
        let first = log.record("one")
        let half = log.record("half of a record")
        log.write(first + half.prefix(30))
        try log.read()
        #expect(truncate(log.path, off_t(first.utf8.count)) == 0)
        try log.read()
        log.write(log.record("the next record, which is longer than the half"))
        try log.read()
        log.restart()
        try log.read()
        #expect(log.lines == ["one", "the next record, which is longer than the half"])
        #expect(log.tailer.statistics.losses == 0)
    }

    @Test("Damaged stretches are passed over, counted and told; what follows is read")
    func damage() throws {
        let log = try Log()
        let half = log.record("half").prefix(20)
        log.write(
            String(repeating: "\0", count: 5000) + log.record("one") + "no record\n" + half
                + log.record("two") + log.record("three"))
        try log.read()
        #expect(log.lines.filter { !$0.contains("no records") } == ["one", "two", "three"])
        let gaps = log.entries.filter(\.isGap).map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(gaps.count == 2)
        #expect(
            log.tailer.statistics.damagedBytes == UInt64(5000 + 10 + half.utf8.count)
                || gaps[0].hasPrefix("5000"))
    }

    @Test("Parts of a line are put together by stream, as bytes, also over a restart")
    func partial() throws {
        for format in [LogFormat.jsonFile, .cri] {
            let log = try Log(format)
            log.write(log.record("a", partial: true) + log.record("x", stream: "stderr"))
            try log.read()
            #expect(log.lines == ["x"])
            log.restart()
            log.write(
                log.record("y", stream: "stderr", partial: true) + log.record("b", partial: true))
            try log.read()
            log.restart()
            log.write(log.record("c") + log.record("z", stream: "stderr"))
            try log.read(quota: 1)
            #expect(log.lines == ["x", "abc", "yz"])
            log.write(log.record("prompt: ", partial: true))
            try log.read()
            #expect(log.tailer.hasUnfinished)
            var batch = LogBatch()
            log.tailer.endUnfinished(into: &batch)
            log.store(batch)
            log.restart()
            log.write(log.record("answer"))
            try log.read()
            #expect(log.lines.suffix(2) == ["prompt: +", "answer"])
        }
    }

    @Test("A line without end is bounded")
    func endless() throws {
        let log = try Log()
        let part = log.record(String(repeating: "x", count: 16_000), partial: true)
        for _ in 0..<150 { log.write(part) }
        log.write(log.record("end"))
        try log.read()
        #expect(log.entries.allSatisfy { $0.bytes.count <= FileTailer.maxLine + 16_000 })
        #expect(log.entries.filter { !$0.isPartial }.count == 1)
        #expect(log.entries.reduce(0) { $0 + $1.bytes.count } == 150 * 16_000 + 3)
    }

    @Test("Random writing, rotating and restarting loses no line and repeats none")
    func random() throws {
        for seed in 0..<20 {
            var random = SeededRandom(seed: UInt64(seed))
            let log = try Log(seed % 2 == 0 ? .jsonFile : .cri)
            var expected: [String] = []
            for i in 0..<200 {
                let parts = Int.random(in: 1...3, using: &random)
                for p in 1...parts {
                    log.write(log.record("l\(i)p\(p)", partial: p < parts))
                    if Int.random(in: 0..<6, using: &random) == 0 {
                        try log.read(quota: Int.random(in: 1...500, using: &random))
                    }
                    if Int.random(in: 0..<20, using: &random) == 0 { log.restart() }
                }
                expected.append((1...parts).map { "l\(i)p\($0)" }.joined())
                // Up to four renamings may come between two reads.
                if Int.random(in: 0..<10, using: &random) == 0 {
                    for n in stride(from: 60, to: 0, by: -1) {
                        rename(log.path + ".\(n)", log.path + ".\(n + 1)")
                    }
                    log.rotate()
                }
            }
            log.write(log.record("end"))
            try log.read()
            #expect(log.lines == expected + ["end"], "seed \(seed)")
        }
    }

    @Test("What is no regular file is refused")
    func links() throws {
        let log = try Log()
        symlink("/etc/passwd", log.path)
        try log.read()
        unlink(log.path)
        mkfifo(log.path, 0o600)
        try log.read()
        unlink(log.path)
        // A device, where the test may make one.
        _ = mknod(log.path, S_IFCHR | 0o600, 0x105)
        try log.read()
        #expect(log.entries.isEmpty)
    }

    @Test("A file that swells when decompressed costs no memory, and what follows is read")
    func bomb() throws {
        let log = try Log()
        log.write(log.record("a line by which the log is known again"))
        try log.read()
        // 64 MiB without a newline in a third of a megabyte of gzip.
        let swollen = [UInt8](repeating: 0x61, count: 64 << 20)
        let compressed = try #require(
            Gzip.compress(Array(log.record("in the bomb").utf8) + swollen + [0x0a]))
        #expect(compressed.count < 1 << 19)
        log.rotate("", ".2")
        let path = log.path + ".1.gz"
        let file = open(path, O_WRONLY | O_CREAT, 0o640)
        #expect(Glibc.write(file, compressed, compressed.count) == compressed.count)
        close(file)
        log.write(log.record("after"))
        let before = residentKilobytes()
        try log.read()
        #expect(residentKilobytes() - before < 40 << 10)
        #expect(log.lines.first == "a line by which the log is known again")
        #expect(log.lines.contains("in the bomb") && log.lines.last == "after")
        #expect(log.entries.contains { $0.isGap })
    }

    private func residentKilobytes() -> Int {
        let text = contents("/proc/self/status") ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS") }
        return line.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
    }

    @Test("Any bytes are read without a crash and are accounted for")
    func garbage() throws {
        var random = SeededRandom(seed: 99)
        let good = #"{"log":"x\u0041\n","stream":"stderr","time":"2026-01-31T10:00:00.5Z"}"#
        for format in [LogFormat.jsonFile, .cri] {
            var parser = RecordParser(format)
            for _ in 0..<3000 {
                var bytes = Array(
                    (format == .cri ? "2026-01-31T10:00:00.5+02:00 stdout F text" : good).utf8)
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    guard bytes.count > 1 else { break }
                    let at = Int.random(in: 1..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: at)
                    default: bytes.removeLast(bytes.count - at)
                    }
                }
                _ = bytes.withUnsafeBytes { parser.parse($0) }
                _ = bytes.withUnsafeBytes { LevelDetector.level(of: $0) }
            }
        }
    }

    @Test("The quick parser reads what the general one reads")
    func parsers() {
        for text in [
            #"{"log":"a\u003c\"é\ud83d\ude00\n","stream":"stderr","time":"2026-11-23T22:41:44.19952806Z"}"#,
            #"{"log":"\u0000\t\\\r\n","stream":"stdout","time":"2026-11-23T22:41:44Z"}"#,
            #"{"log":"","stream":"stdout","time":"2026-11-23T22:41:44.1Z"}"#,
            #"{"log":"x\n","stream":"stdout","attrs":{"a":"b"},"time":"2026-11-23T22:41:44.1+02:00"}"#,
            #"{"log":"\u2028\ufffd\n","stream":"stdout","time":"2026-11-23T22:41:44.123456789Z"}"#,
        ] {
            var parser = RecordParser(.jsonFile)
            let bytes = Array(text.utf8)
            let quick = bytes.withUnsafeBytes { parser.parse($0) }
            let general = bytes.withUnsafeBytes { JSONFileParser.parse($0)?.record }
            #expect(quick?.timestamp == general?.timestamp && quick?.stream == general?.stream)
            #expect(quick?.isPartial == general?.isPartial && parser.text == general?.bytes)
        }
    }

    @Test("Levels are found where lines say them, and not in prose")
    func levels() {
        let cases: [(String, LogLevel)] = [
            (#"{"level":"error","msg":"x"}"#, .error), (#"{"time":1,"level":30,"msg":"x"}"#, .info),
            ("time=1 level=warn msg=x", .warning), ("lvl=dbug", .unknown),
            ("2026-01-31 10:00:00 ERROR failed", .error), ("[WARN] x", .warning),
            ("[info] x", .info), ("error: no such file", .error), ("there was no error", .unknown),
            ("E0131 10:00:00.1 1 x.go:1] boom", .error), ("<3>kernel", .error),
            (#"{"severity":"CRITICAL"}"#, .fatal), ("GET /error/ERROR/1", .unknown),
            ("msg=error", .unknown), ("plain", .unknown), ("", .unknown),
            ("Warning: deprecated", .warning), ("10:00 | DEBUG | x", .debug),
        ]
        for (line, level) in cases {
            let bytes = Array(line.utf8)
            let found = bytes.withUnsafeBytes { LevelDetector.level(of: $0) }
            #expect(found == level, "\(line)")
        }
    }
}
