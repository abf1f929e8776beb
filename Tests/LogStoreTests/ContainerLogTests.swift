// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import TestSupport
import Testing

@testable import LogStore

@Suite struct ContainerLogTests {
    /// All lines of a container's directory, segments and head, without the agent.
    private func stored(_ directory: String) throws -> [String] {
        var lines: [String] = []
        var next: Int64 = 0
        for name in SegmentName.segments(in: directory) {
            let bytes = try #require(LogFile.contents(directory + "/" + name, limit: 1 << 30))
            let file = try LogFile(path: directory + "/" + name, flags: O_RDONLY)
            for block in try SegmentIndex.read(file).blocks {
                lines += try #require(try Sample.lines(Array(bytes[block.offset...])))
                next = block.header.endSequence
            }
        }
        for block in HeadBlocks.read(path: directory + "/head", after: next) {
            let bytes =
                block.header.encode()
                + [UInt8](
                    repeating: 0, count: Int(block.header.filterBytes)) + block.body
            lines += try #require(try Sample.lines(bytes))
        }
        return lines
    }

    private func store(
        _ directory: String, blockBytes: Int = 400, segmentBytes: Int = 2_000
    ) throws -> LogStore {
        var options = LogStore.Options()
        options.blockBytes = blockBytes
        options.segmentBytes = segmentBytes
        return try LogStore(directory: directory, options: options)
    }

    @Test func whatIsFlushedIsThereForTheNextAgent() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        var expected: [String] = []
        for round in 0..<30 {
            // No close: each round is an agent that was killed after its flush.
            let store = try store(directory)
            let at = try store.checkpoint(of: Sample.identity())
            #expect(at.stdoutOffset == UInt64(round))
            let lines = (0..<7).map { "round \(round) line \($0)" }
            try store.append(
                Sample.batch(lines, offset: UInt64(round + 1)), of: Sample.identity())
            try store.flush(Sample.identity())
            expected += lines
            try store.append(Sample.batch(["lost"], offset: 99), of: Sample.identity())
        }
        #expect(try stored(directory + "/c1") == expected)
        #expect(SegmentName.segments(in: directory + "/c1").count > 1)
        let identity = try #require(IdentityFile.read(directory: directory + "/c1"))
        #expect(identity == Sample.identity())
    }

    @Test func aHeadCutAtAnyByteLosesOnlyItsLastBlock() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        let first = try store(directory + "/a", blockBytes: 1 << 20)
        for i in 0..<4 {
            try first.append(
                Sample.batch(["line \(i)"], offset: UInt64(i + 1)), of: Sample.identity())
            try first.flush(Sample.identity())
        }
        let head = try #require(LogFile.contents(directory + "/a/c1/head", limit: 1 << 20))
        for cut in 0...head.count {
            let path = directory + "/b\(cut)"
            _ = try store(path)
            mkdir(path + "/c1", 0o755)
            let file = try LogFile(path: path + "/c1/head", flags: O_RDWR | O_CREAT)
            try file.write(Array(head[..<cut]), at: 0)
            let store = try store(path, blockBytes: 1 << 20)
            let checkpoint = try store.checkpoint(of: Sample.identity())
            let whole = checkpoint.stdoutOffset
            #expect(whole <= 4 && (cut == head.count) == (whole == 4))
            // The reader goes on at the checkpoint: every line is there once.
            for i in whole..<4 {
                try store.append(
                    Sample.batch(["line \(i)"], offset: i + 1), of: Sample.identity())
            }
            try store.flush(Sample.identity())
            let lines = try stored(path + "/c1")
            #expect(lines == (0..<4).map { "line \($0)" }, "cut at \(cut)")
        }
    }

    @Test func aCrashBetweenSegmentAndHeadRepeatsNothing() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        let first = try store(directory, blockBytes: 1 << 20)
        let identity = Sample.identity()
        try first.append(Sample.batch(["a", "b"], offset: 1), of: identity)
        try first.flush(identity)
        let head = try #require(LogFile.contents(directory + "/c1/head", limit: 1 << 20))
        try first.close(identity)
        // The head as it was before it was emptied, with one block more behind.
        try first.append(Sample.batch(["c"], offset: 2), of: identity)
        try first.flush(identity)
        let more = try #require(LogFile.contents(directory + "/c1/head", limit: 1 << 20))
        try LogFile(path: directory + "/c1/head", flags: O_RDWR).write(head + more, at: 0)
        #expect(try stored(directory + "/c1") == ["a", "b", "c"])

        let second = try store(directory, blockBytes: 1 << 20)
        #expect(try second.checkpoint(of: identity).stdoutOffset == 2)
        #expect(LogFile.contents(directory + "/c1/head", limit: 1 << 20) == more)
        try second.append(Sample.batch(["d"], offset: 3), of: identity)
        try second.flush(identity)
        #expect(try stored(directory + "/c1") == ["a", "b", "c", "d"])
    }

    @Test func aDamagedByteOfASegmentCostsOneBlockAtMost() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        let identity = Sample.identity()
        let store = try store(directory, blockBytes: 1)
        for i in 0..<4 { try store.append(Sample.batch(["line \(i)"]), of: identity) }
        try store.close(identity)
        let name = try #require(SegmentName.segments(in: directory + "/c1").first)
        let path = directory + "/c1/" + name
        let good = try #require(LogFile.contents(path, limit: 1 << 20))
        let file = try LogFile(path: path, flags: O_RDWR)
        for i in good.indices {
            var bad = good
            bad[i] ^= 0x10
            try file.write(bad, at: 0)
            let index = try SegmentIndex.read(file)
            var found = 0
            for block in index.blocks where try Sample.lines(Array(bad[block.offset...])) != nil {
                found += 1
            }
            #expect(found >= 3, "byte \(i)")
        }
    }

    /// A power failure may leave a block's text whole and its filter not.
    @Test func aDamagedFilterHidesNothing() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        let identity = Sample.identity()
        do {
            let store = try store(directory, blockBytes: 1)
            for word in ["first", "second", "third"] {
                try store.append(Sample.batch([word]), of: identity)
            }
            try store.flush()
        }
        let name = try #require(SegmentName.segments(in: directory + "/c1").first)
        let file = try LogFile(path: directory + "/c1/" + name, flags: O_RDWR)
        let block = try #require(try SegmentIndex.read(file).blocks.first)
        try file.write(
            [UInt8](repeating: 0, count: Int(block.header.filterBytes)),
            at: block.offset + BlockHeader.size)
        func found() throws -> Int {
            var query = LogQuery()
            query.filters = [LineFilter(.word, "first")]
            let cursor = try LogArchive(directory: directory).select(query)
            var count = 0
            while try cursor.next() != nil { count += 1 }
            return count
        }
        #expect(try found() == 1)
        // The next agent seals the segment.
        var options = LogStore.Options()
        options.segmentBytes = 1
        let store = try LogStore(directory: directory, options: options)
        try store.append(Sample.batch(["fourth"]), of: identity)
        try store.close(identity)
        #expect(try SegmentIndex.read(file).isSealed)
        #expect(try found() == 1)
    }

    @Test func oldAndTooManySegmentsAreRemoved() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        var options = LogStore.Options()
        options.blockBytes = 1
        options.segmentBytes = 1
        options.retention = 1_000
        let store = try LogStore(directory: directory, options: options)
        let identity = Sample.identity()
        for i in 0..<5 {
            let time = Int64(i) * 1_000_000_000
            try store.append(Sample.batch(["line \(i)"], from: time), of: identity)
        }
        try store.close(identity)
        #expect(SegmentName.segments(in: directory + "/c1").count == 5)
        store.applyRetention(now: 3_500)
        #expect(try stored(directory + "/c1") == ["line 3", "line 4"])
        #expect(store.statistics().removedSegments == 3)
        // The checkpoint outlives what was removed as long as anything is left.
        store.applyRetention(now: 60_000)
        #expect(LogFile.names(in: directory).isEmpty)
    }

    @Test func linksInThePlaceOfFilesAreRefused() throws {
        let temporary = try TemporaryDirectory()
        let directory = temporary.path
        mkdir(directory + "/c1", 0o755)
        symlink("/etc/passwd", directory + "/c1/head")
        let store = try store(directory)
        #expect(throws: LogStoreError.self) { try store.checkpoint(of: Sample.identity()) }
    }
}
