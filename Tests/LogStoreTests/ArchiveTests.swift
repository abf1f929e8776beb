// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import TestSupport
import Testing

@testable import LogStore

/// A store with small blocks and segments, and what should be in it.
private final class Filled {
    let temporary: TemporaryDirectory
    let store: LogStore
    var expected: [String] = []
    var archive: LogArchive { LogArchive(directory: temporary.path) }

    init(lines: Int, id: String = "c1", segmentBytes: Int = 1_500) throws {
        temporary = try TemporaryDirectory()
        var options = LogStore.Options()
        options.blockBytes = 500
        options.segmentBytes = segmentBytes
        store = try LogStore(directory: temporary.path, options: options)
        for i in 0..<lines {
            let line = "line \(i) user=u\(i % 7) trace=t\(i &* 31) took \(i % 13)ms"
            expected.append(line)
            try store.append(
                Sample.batch([line], from: Int64(i) * 1_000, offset: UInt64(i + 1)),
                of: Sample.identity(id))
            if i % 5 == 4 { try store.flush(Sample.identity(id)) }
        }
        try store.flush(Sample.identity(id))
    }

    func lines(_ change: (inout LogQuery) -> Void = { _ in }) throws -> [String] {
        var query = LogQuery()
        change(&query)
        return try text(archive.select(query, of: [Sample.identity()]))
    }

    func text(_ cursor: MergedCursor, limit: Int = .max) throws -> [String] {
        var result: [String] = []
        while result.count < limit, let entry = try cursor.next() {
            result.append(String(decoding: entry.bytes, as: UTF8.self))
        }
        return result
    }
}

@Suite struct ArchiveTests {
    @Test func everythingIsReadInBothDirections() throws {
        let filled = try Filled(lines: 101)
        #expect(try filled.lines() == filled.expected)
        #expect(try filled.lines { $0.backward = true } == filled.expected.reversed())
        #expect(SegmentName.segments(in: filled.temporary.path + "/c1").count > 2)
    }

    @Test func timesStreamsAndLevelsSelect() throws {
        let filled = try Filled(lines: 60)
        #expect(
            try filled.lines {
                $0.start = 10_000
                $0.end = 19_000
            } == Array(filled.expected[10...19]))
        // Each batch of one line is stderr and info.
        #expect(try filled.lines { $0.streams = [.stderr] } == filled.expected)
        #expect(try filled.lines { $0.streams = [.stdout] } == [])
        #expect(try filled.lines { $0.levels = [.error, .fatal] } == [])
        #expect(try filled.lines { $0.levels = [.info] } == filled.expected)
        #expect(try filled.lines { $0.from = ["c1": 40] } == Array(filled.expected[40...]))
    }

    @Test func theNewestLinesNeedOneBlock() throws {
        let filled = try Filled(lines: 400)
        var query = LogQuery()
        query.backward = true
        let cursor = try filled.archive.select(query, of: [Sample.identity()])
        let newest = try filled.text(cursor, limit: 3)
        #expect(newest == filled.expected.suffix(3).reversed())
        #expect(cursor.blocks.read <= 1)
    }

    @Test func aRareWordNeedsFewBlocks() throws {
        let filled = try Filled(lines: 400)
        var query = LogQuery()
        query.filters = [LineFilter(.word, "t\(200 &* 31)")]
        let cursor = try filled.archive.select(query, of: [Sample.identity()])
        #expect(try filled.text(cursor) == [filled.expected[200]])
        #expect(cursor.blocks.read <= 3 && cursor.blocks.skipped > 20)
    }

    @Test func searchesFindWhatALineByLineSearchFinds() throws {
        let filled = try Filled(lines: 150)
        let cases: [(LineFilter, (String) -> Bool)] = [
            (.init(.substring, "u3"), { $0.contains("u3") }),
            (.init(.substring, "user=u3 "), { $0.contains("user=u3 ") }),
            (.init(.substring, "u3", isInverted: true), { !$0.contains("u3") }),
            (.init(.substring, "LINE 1", ignoresCase: true), { $0.contains("line 1") }),
            (.init(.word, "12ms"), { $0.hasSuffix(" 12ms") }),
            (.init(.word, "2ms"), { $0.hasSuffix(" 2ms") }),
            (.init(.word, "2MS", ignoresCase: true), { $0.hasSuffix(" 2ms") }),
            (.init(.pattern, "^line 1.*2ms$"), { $0.hasPrefix("line 1") && $0.hasSuffix("2ms") }),
            (.init(.pattern, "\\Aline 14"), { $0.hasPrefix("line 14") }),
            (.init(.pattern, "u[56] trace"), { $0.contains("u5 ") || $0.contains("u6 ") }),
            (.init(.pattern, "\\s1ms|\\s2ms"), { $0.hasSuffix(" 1ms") || $0.hasSuffix(" 2ms") }),
            (.init(.pattern, "[^x]*took 0ms"), { $0.hasSuffix("took 0ms") }),
            (.init(.pattern, "no such thing"), { _ in false }),
            (.init(.substring, "took\nline"), { _ in false }),
        ]
        for (filter, expected) in cases {
            let found = try filled.lines { $0.filters = [filter] }
            #expect(found == filled.expected.filter(expected), "\(filter)")
        }
        #expect(throws: (any Error).self) {
            _ = try filled.lines { $0.filters = [.init(.pattern, "(")] }
        }
    }

    @Test func blocksSearchedAtOnceKeepTheirOrderAlsoAroundDamage() throws {
        let filled = try Filled(lines: 600, segmentBytes: 1 << 20)
        func search(backward: Bool) throws -> [String] {
            try filled.lines {
                $0.filters = [.init(.pattern, "u[24] trace")]
                $0.backward = backward
            }
        }
        func visited() throws -> [String] {
            var query = LogQuery()
            query.filters = [.init(.pattern, "u[24] trace")]
            var found: [String] = []
            try filled.archive.select(query, of: [Sample.identity()]).forEach {
                found.append(String(decoding: $0.bytes, as: UTF8.self))
                return true
            }
            return found
        }
        let expected = filled.expected.filter { $0.contains("u2 ") || $0.contains("u4 ") }
        #expect(try search(backward: false) == expected)
        #expect(try search(backward: true) == expected.reversed())
        #expect(try visited() == expected)

        let directory = filled.temporary.path + "/c1/"
        let segment = directory + (SegmentName.segments(in: directory).first ?? "")
        let file = try LogFile(path: segment, flags: O_RDWR)
        let block = try SegmentIndex.read(file).blocks[20]
        let place = block.end - 3
        try file.write([try file.bytes(at: place, count: 1)[0] ^ 0x10], at: place)
        let damaged = try search(backward: false)
        let gap = try #require(damaged.firstIndex { $0.contains("entries are missing") })
        let before = expected.filter { line in
            filled.expected[..<Int(block.header.firstSequence)].contains(line)
        }
        #expect(Array(damaged[..<gap]) == before)
        #expect(
            Array(damaged[(gap + 1)...])
                == expected.filter {
                    filled.expected[Int(block.header.endSequence)...].contains($0)
                })
        #expect(try search(backward: true) == damaged.reversed())
        #expect(try visited() == damaged)
    }

    @Test func filtersOfAllKindsAgreeWithEachLine() throws {
        let filled = try Filled(lines: 80)
        var random = SeededRandom(seed: 5)
        let parts = ["u1", "\\d+", "line ", "took", ".", "t3", "ms", "[a-f]", "=", " ", "6?", "x*"]
        for _ in 0..<200 {
            let pattern = (0..<3).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            let matcher = try LineMatcher([LineFilter(.pattern, pattern)])
            let expected = filled.expected.filter { line in
                var line = line
                return line.withUTF8 { matcher.matches(.init($0)) }
            }
            #expect(
                try filled.lines { $0.filters = [.init(.pattern, pattern)] } == expected,
                "\(pattern)")
        }
    }

    @Test func aSegmentsTableRulesOutBlocksAndNeverOneWithTheWord() throws {
        let filled = try Filled(lines: 600, segmentBytes: 8_000)
        let directory = filled.temporary.path + "/c1/"
        let names = SegmentName.segments(in: directory)
        #expect(names.count > 2)
        var (asked, allowed) = (0, 0)
        for name in names.dropLast() {
            let file = try LogFile(path: directory + name, flags: O_RDONLY)
            let index = try SegmentIndex.read(file)
            let table = FilterTable(index.blocks, at: try #require(index.filterTable))
            for i in stride(from: 0, to: 600, by: 7) {
                let word = "t\(i &* 31)"
                let matcher = try LineMatcher([LineFilter(.word, word)])
                let may = table.mayMatch(index.blocks, in: file, matcher)
                asked += may.count
                allowed += may.count { $0 }
                let holder = index.blocks.firstIndex {
                    ($0.header.firstSequence..<$0.header.endSequence).contains(Int64(i))
                }
                if let holder { #expect(may[holder]) }
                let found = try filled.lines { $0.filters = [.init(.word, word)] }
                #expect(found == [filled.expected[i]])
            }
        }
        #expect(allowed * 4 < asked, "\(allowed) of \(asked)")
    }

    @Test func aDamagedTableIsFoundAndMended() throws {
        let filled = try Filled(lines: 300)
        let directory = filled.temporary.path + "/c1/"
        let name = try #require(SegmentName.segments(in: directory).first)
        let blocks: [BlockPlace]
        do {
            let file = try LogFile(path: directory + name, flags: O_RDWR)
            let index = try SegmentIndex.read(file)
            blocks = index.blocks
            let zeros = [UInt8](repeating: 0, count: FilterTable.size(index.blocks))
            #expect(try LogMaintenance.verify(directory: filled.temporary.path).isSound)
            try file.write(zeros, at: try #require(index.filterTable))
        }
        let damage = try LogMaintenance.verify(directory: filled.temporary.path).damage
        #expect(damage.map(\.reason) == ["the table of its filters is damaged"])
        #expect(try LogMaintenance.repair(directory: filled.temporary.path).lostEntries == 0)
        #expect(try LogMaintenance.verify(directory: filled.temporary.path).isSound)
        let mended = try SegmentIndex.read(try LogFile(path: directory + name, flags: O_RDONLY))
        #expect(mended.blocks == blocks && mended.filterTable != nil)
        #expect(try filled.lines { $0.filters = [.init(.word, "t31")] } == [filled.expected[1]])
    }

    @Test func logsOfSeveralContainersComeByTime() throws {
        let filled = try Filled(lines: 0)
        for i in 0..<90 {
            try filled.store.append(
                Sample.batch(["\(i)"], from: Int64(i)), of: Sample.identity("c\(i % 3)"))
        }
        try filled.store.flush()
        let all = try filled.archive.logs([])
        #expect(all.map(\.id) == ["c0", "c1", "c2"])
        var query = LogQuery()
        let expected = (0..<90).map { "\($0)" }
        #expect(try filled.text(filled.archive.select(query, of: all)) == expected)
        query.backward = true
        #expect(try filled.text(filled.archive.select(query, of: all)) == expected.reversed())
        #expect(try filled.archive.logs([.init("app", .equal, "shop")]).count == 3)
        #expect(try filled.archive.logs([.init("id", .matches, "c[12]")]).count == 2)
        let size = filled.archive.sizes(all)[0]
        #expect(size.entries == 30 && size.times == 0...87)
    }

    @Test func damageIsToldWhereItIs() throws {
        let filled = try Filled(lines: 100)
        let directory = filled.temporary.path + "/c1"
        let name = try #require(SegmentName.segments(in: directory).first)
        let file = try LogFile(path: directory + "/" + name, flags: O_RDWR)
        let index = try SegmentIndex.read(file)
        let first = index.blocks[1]
        try file.write([0xff, 0xff], at: first.end - 5)
        let lines = try filled.lines()
        let start = Int(first.header.firstSequence)
        let end = Int(first.header.endSequence)
        #expect(lines.count == 100 - (end - start) + 1)
        #expect(lines[start].contains("\(end - start) entries are missing"))
        #expect(Array(lines[..<start]) == Array(filled.expected[..<start]))
        #expect(Array(lines[(start + 1)...]) == Array(filled.expected[end...]))

        // A header that is gone costs the same, with the index or without it.
        try file.write([UInt8](repeating: 0, count: 60), at: first.offset)
        try file.truncate(to: index.end)
        let again = try filled.lines()
        #expect(again.count == lines.count && again[start] == lines[start])
    }

    @Test func namesMeanWhatPeopleMean() {
        let all = [
            LogIdentity(id: "aa1", name: "api", createdAt: 1),
            LogIdentity(id: "bb1", name: "web", createdAt: 1),
            LogIdentity(id: "bb2", name: "web", createdAt: 2),
        ]
        func ids(_ word: String) -> [String] { LogNames.resolve(word, among: all).map(\.id) }
        #expect(ids("web") == ["bb1", "bb2"])
        #expect(ids("web~0") == ["bb2"])
        #expect(ids("web~1") == ["bb1"])
        #expect(ids("web~2") == [])
        #expect(ids("aa") == ["aa1"])
        #expect(ids("bb") == [])
        #expect(ids("*") == ["aa1", "bb1", "bb2"])
        #expect(ids("w?b") == ["bb1", "bb2"])
        #expect(ids("a*i") == ["aa1"])
        #expect(ids("none") == [])
    }

    @Test func aReaderBesideAWriterMissesNothing() throws {
        let filled = try Filled(lines: 0)
        let archive = filled.archive
        var next: Int64 = 0
        var seen: [String] = []
        var expected: [String] = []
        for i in 0..<300 {
            try filled.store.append(Sample.batch(["entry \(i)"]), of: Sample.identity())
            expected.append("entry \(i)")
            guard i % 7 == 6 else { continue }
            try filled.store.flush(Sample.identity())
            var query = LogQuery()
            query.from = ["c1": next]
            let cursor = try archive.select(query, of: [Sample.identity()])
            while let entry = try cursor.next() {
                #expect(entry.sequence == next)
                next = entry.sequence + 1
                seen.append(String(decoding: entry.bytes, as: UTF8.self))
            }
            #expect(seen == expected)
            #expect(archive.checkpoint(of: Sample.identity()).inode == 2)
        }
    }
}
