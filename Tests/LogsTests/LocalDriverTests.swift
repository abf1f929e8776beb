// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Model
import TestSupport
import Testing

@testable import Logs

/// Files of Docker's `local` driver.
@Suite("Docker's local driver")
struct LocalDriverTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory("local")
        path = directory.appending("container.log")
    }

    /// A frame as the driver writes it.
    static func frame(
        _ line: String, time: UInt64 = 1, stream: String = "stdout", part: Int? = nil,
        isLast: Bool = false
    ) -> [UInt8] {
        var message = ProtobufWriter()
        message.string(1, stream)
        message.varint(2, time)
        message.string(3, line)
        if let part {
            message.varint(4, 1)
            var metadata = ProtobufWriter()
            if isLast { metadata.varint(1, 1) }
            metadata.string(2, "an id")
            metadata.varint(3, UInt64(part))
            message.message(5, metadata)
        }
        let length = withUnsafeBytes(of: UInt32(message.bytes.count).bigEndian) { Array($0) }
        return length + message.bytes + length
    }

    private func write(_ bytes: [UInt8], to name: String = "container.log") throws {
        let file = open(directory.appending(name), O_WRONLY | O_CREAT | O_APPEND, 0o640)
        defer { close(file) }
        #expect(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }

    /// Everything from a checkpoint on, and where it ends. Gaps are in brackets.
    private func read(
        from checkpoint: LogCheckpoint = LogCheckpoint(), quota: Int = 1 << 20
    ) throws -> (lines: [String], checkpoint: LogCheckpoint) {
        let tailer = FileTailer(path: path, format: .local, checkpoint: checkpoint)
        var lines: [String] = []
        var checkpoint = checkpoint
        var more = true
        while more {
            var batch = LogBatch()
            more = try tailer.read(into: &batch, quota: quota)
            var at = 0
            for item in batch.items {
                let text = String(decoding: batch.text[at..<(at + item.length)], as: UTF8.self)
                at += item.length
                let mark = item.stream == .stderr ? "!" : ""
                lines.append(item.isGap ? "[\(text)]" : mark + text + (item.isPartial ? "+" : ""))
            }
            checkpoint = batch.checkpoint
        }
        return (lines, checkpoint)
    }

    @Test("Lines of both outputs come, pieces of long ones together, and none twice")
    func lines() throws {
        try write(Self.frame("one") + Self.frame("two", stream: "stderr"))
        try write(Self.frame("a long ", part: 1) + Self.frame("between", stream: "stderr"))
        try write(Self.frame("line", part: 2, isLast: true) + Self.frame(""))
        let first = try read(quota: 10)
        #expect(first.lines == ["one", "!two", "!between", "a long line", ""])
        #expect(try read(from: first.checkpoint).lines == [])
        // A frame of which the end is not written yet is read when it is.
        let late = Self.frame("late")
        try write(Array(late.prefix(9)))
        #expect(try read(from: first.checkpoint).lines == [])
        try write(Array(late.dropFirst(9)))
        #expect(try read(from: first.checkpoint).lines == ["late"])
    }

    @Test("What was put aside and compressed comes first")
    func rotation() throws {
        let long = "a line by which the file is known again"
        try write(Self.frame(long))
        let first = try read()
        #expect(first.lines == [long])
        try write(Self.frame("two"))
        let old = try #require(contentsOf(path))
        let compressed = try #require(Gzip.compress(old))
        try write(compressed, to: "container.log.2.gz")
        unlink(path)
        try write(Self.frame("three"), to: "container.log.1")
        try write(Self.frame("four"))
        #expect(try read(from: first.checkpoint).lines == ["two", "three", "four"])
    }

    @Test("What is no frame is passed over to the next one, and counted")
    func damage() throws {
        let torn = Array(Self.frame("torn").dropLast(6))
        // A length that would be 1.9 GB, which made Docker itself run out of memory (moby#45740).
        let huge: [UInt8] = [0x71, 0x3f, 0xff, 0xff, 1, 2, 3]
        try write(Self.frame("one") + torn + Self.frame("two") + huge + Self.frame("three"))
        try write([UInt8](repeating: 0, count: 300) + Self.frame("four"))
        #expect(
            try read().lines == [
                "one", "[\(torn.count) bytes of the log file are no records]", "two",
                "[7 bytes of the log file are no records]", "three",
                "[300 bytes of the log file are no records]", "four",
            ])
    }

    @Test("Lines longer than a reading come whole; changed bytes cost no more than their frames")
    func random() throws {
        let long = String(repeating: "x", count: 700_000)
        try write(Self.frame(long) + Self.frame("after"))
        #expect(try read().lines == [long, "after"])

        var random = SeededRandom(seed: 7)
        for round in 0..<100 {
            unlink(path)
            var bytes: [UInt8] = []
            for i in 0..<40 { bytes += Self.frame("line \(round) \(i)", time: UInt64(i)) }
            for _ in 0..<3 {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                }
            }
            try write(bytes + Self.frame("end"))
            let lines = try read().lines
            let whole = (0..<40).filter { lines.contains("line \(round) \($0)") }
            #expect(whole.count >= 35 && lines.contains("end"), "round \(round): \(lines)")
        }
    }

    private func contentsOf(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = Glibc.read(file, &bytes, bytes.count)
        return count < 0 ? nil : Array(bytes[..<count])
    }
}
