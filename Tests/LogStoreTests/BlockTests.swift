// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import TestSupport
import Testing

@testable import LogStore

/// Makes batches and reads back what a store holds, the way the tests need it.
enum Sample {
    static func batch(
        _ lines: [String], from time: Int64 = 1_000, offset: UInt64 = 0
    ) -> LogBatch {
        var batch = LogBatch()
        for (i, line) in lines.enumerated() {
            var text = line
            text.withUTF8 {
                batch.append(
                    .init($0), timestamp: time + Int64(i),
                    stream: i % 3 == 0 ? .stderr : .stdout, level: i % 2 == 0 ? .info : .error)
            }
        }
        batch.checkpoint.device = 1
        batch.checkpoint.inode = 2
        batch.checkpoint.stdoutOffset = offset
        batch.checkpoint.stderrOffset = offset
        return batch
    }

    static func identity(_ id: String = "c1", name: String = "web") -> LogIdentity {
        LogIdentity(id: id, name: name, createdAt: 7, labels: ["app": "shop"])
    }

    static func encoded(_ batch: borrowing LogBatch) throws -> (BlockHeader, [UInt8]) {
        let filter = TokenFilter()
        defer { filter.deallocate() }
        var block = OpenBlock(firstSequence: 40)
        block.append(batch)
        return try block.encode(Compressor(), level: 1, filter: filter)
    }

    /// The lines of a block as stored; nil when it says it is damaged.
    static func lines(_ bytes: [UInt8]) throws -> [String]? {
        try bytes.withUnsafeBytes { all -> [String]? in
            guard let header = BlockHeader(all) else { return nil }
            let start = BlockHeader.size + Int(header.filterBytes)
            let end = BlockHeader.size + header.bodyBytes
            guard end <= all.count else { return nil }
            let reader = try BlockReader()
            guard reader.load(header, body: .init(rebasing: all[start..<end])) else { return nil }
            return (0..<reader.places.count).map {
                String(decoding: reader.bytes($0), as: UTF8.self)
            }
        }
    }
}

@Suite struct BlockTests {
    @Test func entriesComeBackAsTheyWere() throws {
        let batch = Sample.batch(["first", "", "third with spaces", "\u{0}\u{1b}[1m"])
        let (header, bytes) = try Sample.encoded(batch)
        #expect(header.firstSequence == 40 && header.endSequence == 44)
        #expect(header.minTime == 1_000 && header.maxTime == 1_003)
        #expect(try Sample.lines(bytes) == ["first", "", "third with spaces", "\u{0}\u{1b}[1m"])
        try bytes.withUnsafeBytes { all in
            let read = try #require(BlockHeader(all))
            #expect(read == header)
            let reader = try BlockReader()
            let start = BlockHeader.size + Int(header.filterBytes)
            #expect(reader.load(read, body: .init(rebasing: all[start...])))
            let entry = reader.view(1, origin: 3)
            #expect(entry.stream == .stdout && entry.level == .error && entry.sequence == 41)
            #expect(entry.origin == 3 && entry.timestamp == 1_001)
        }
    }

    @Test func randomEntriesComeBackAsTheyWere() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<40 {
            let lines = (0..<Int.random(in: 1...200, using: &random)).map { _ in
                String(
                    decoding: (0..<Int.random(in: 0...90, using: &random)).map { _ in
                        UInt8.random(in: 1...126, using: &random)
                    }, as: UTF8.self)
            }
            #expect(try Sample.lines(Sample.encoded(Sample.batch(lines)).1) == lines)
        }
    }

    @Test func aChangeOfAnyByteIsNoticed() throws {
        let (header, bytes) = try Sample.encoded(Sample.batch(["one error", "two", "three"]))
        let filter = BlockHeader.size..<(BlockHeader.size + Int(header.filterBytes))
        for i in bytes.indices {
            var damaged = bytes
            damaged[i] ^= 0x41
            if filter.contains(i) {
                let body = damaged[filter].withUnsafeBytes { Bytes.checksum($0) }
                #expect(body != header.filterChecksum)
            } else {
                #expect(try Sample.lines(damaged) == nil, "byte \(i)")
            }
        }
        for count in 0..<bytes.count { #expect(try Sample.lines(Array(bytes[..<count])) == nil) }
    }

    @Test func aBlockThatClaimsTooMuchIsRefused() throws {
        // A frame of 32 MiB of zeros in a few kilobytes, with headers that tell the truth and lies.
        var frame: [UInt8] = []
        let zeros = [UInt8](repeating: 0, count: 40 << 20)
        _ = try zeros.withUnsafeBytes { try Compressor().compress($0, level: 1, into: &frame) }
        for claimed in [0, 100, BlockHeader.maxRaw, zeros.count] {
            var header = BlockHeader()
            header.count = 1
            header.metaRaw = 3
            header.metaStored = UInt32(frame.count)
            header.textRaw = UInt32(claimed)
            header.bodyChecksum = frame.withUnsafeBytes { Bytes.checksum($0) }
            #expect(try Sample.lines(header.encode() + frame) == nil)
        }
    }

    @Test func wordsAreFoundAndOthersAreNot() throws {
        var words: [String] = []
        for i in 0..<3_000 { words.append("word\(i &* 7919)") }
        let filter = TokenFilter()
        defer { filter.deallocate() }
        var text = words.joined(separator: " ")
        text.withUTF8 { filter.add(.init($0)) }
        let folded = filter.folded()
        #expect(folded.count < TokenFilter.maxBytes)
        var wrong = 0
        try folded.withUnsafeBytes { bits in
            for word in words {
                let hash = try #require(TokenFilter.hash(word.utf8))
                #expect(TokenFilter.mayContain(hash, bits))
            }
            for i in 0..<10_000 {
                let hash = try #require(TokenFilter.hash("absent\(i)".utf8))
                if TokenFilter.mayContain(hash, bits) { wrong += 1 }
            }
        }
        #expect(wrong < 200)
        #expect(TokenFilter.hash("two words".utf8) == nil)
    }
}
