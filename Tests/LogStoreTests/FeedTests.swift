// SPDX-License-Identifier: Apache-2.0

import Foundation
import LogStore
import Model
import TestSupport
import Testing

/// A store with logs of two names, one of them with two generations.
private struct Logs {
    let directory: TemporaryDirectory
    let store: LogStore
    let archive: LogArchive

    init() throws {
        directory = try TemporaryDirectory("feed")
        store = try LogStore(directory: directory.path)
        archive = LogArchive(directory: directory.path)
        try add("web1", "web", 1, (0..<5).map { ("old \($0)", Int64($0)) })
        try add("web2", "web", 2, (0..<50).map { ("new \($0)", 100 + 2 * Int64($0)) })
        try add("db1", "db", 1, (0..<50).map { ("row \($0)", 101 + 2 * Int64($0)) })
    }

    func identity(_ id: String, _ name: String, _ created: Int64) -> LogIdentity {
        LogIdentity(id: id, name: name, createdAt: created, labels: ["tier": name])
    }

    func add(
        _ id: String, _ name: String, _ created: Int64, _ lines: [(String, Int64)]
    ) throws {
        var batch = LogBatch()
        for (text, time) in lines {
            var text = text
            text.withUTF8 {
                batch.append(.init($0), timestamp: time, stream: .stdout, level: .info)
            }
        }
        try store.append(batch, of: identity(id, name, created))
        try store.flush(identity(id, name, created))
    }

    func lines(_ request: LogRequest) throws -> [String] {
        let feed = try LogFeed(request, in: archive)
        var result: [String] = []
        while let line = try feed.next() {
            let text = String(decoding: line.entry.bytes, as: UTF8.self)
            result.append((line.startsGroup ? "-- " : "") + text)
        }
        return result
    }
}

@Suite("Lines asked for") struct FeedTests {
    @Test("A name is all its containers in order, name~1 the one before")
    func generations() throws {
        let logs = try Logs()
        var request = LogRequest()
        request.names = ["web"]
        #expect(try logs.lines(request).count == 55)
        #expect(try logs.lines(request).first == "old 0")
        request.isPrevious = true
        #expect(try logs.lines(request) == (0..<5).map { "old \($0)" })
        request = LogRequest()
        request.names = ["web~1"]
        #expect(try logs.lines(request).count == 5)
        request.names = ["wbe"]
        #expect(throws: LogNotFound.self) { try logs.lines(request) }
        request.names = ["we*", "db"]
        #expect(try logs.lines(request).count == 105)
    }

    @Test("The last lines are of each name, merged by time")
    func tail() throws {
        let logs = try Logs()
        var request = LogRequest()
        request.tail = 2
        #expect(try logs.lines(request) == ["new 48", "row 48", "new 49", "row 49"])
        request.names = ["web"]
        request.tail = 52
        #expect(try logs.lines(request).first == "old 3")
        request.matchers = [try #require(LogRequest.matcher("tier=~d.*"))]
        request.names = []
        request.tail = 1
        #expect(try logs.lines(request) == ["row 49"])
    }

    @Test("Context and groups are as grep has them; a time has lines around it")
    func context() throws {
        let logs = try Logs()
        var request = LogRequest()
        request.names = ["db"]
        request.query.filters = [LineFilter(.pattern, "row (3|5|20)$")]
        (request.before, request.after) = (1, 1)
        #expect(
            try logs.lines(request) == [
                "row 2", "row 3", "row 4", "row 5", "row 6", "-- row 19", "row 20", "row 21",
            ])
        request = LogRequest()
        request.around = 121
        (request.before, request.after) = (1, 2)
        #expect(
            try logs.lines(request) == ["row 9", "new 10", "row 10", "new 11", "row 11", "new 12"])
    }

    @Test("Lines around matches are the same when blocks without any are not read")
    func distantContext() throws {
        let directory = try TemporaryDirectory("context")
        var options = LogStore.Options()
        // A block for each batch, and eight to ten of them in a segment.
        options.blockBytes = 1
        options.segmentBytes = 3000
        let store = try LogStore(directory: directory.path, options: options)
        let identity = LogIdentity(id: "a", name: "a", createdAt: 1)
        let needles: Set<Int> = [0, 41, 42, 130, 199]
        for i in 0..<200 {
            var batch = LogBatch()
            var text = needles.contains(i) ? "line \(i) has the needle" : "line \(i)"
            text.withUTF8 {
                batch.append(.init($0), timestamp: Int64(i), stream: .stdout, level: .info)
            }
            try store.append(batch, of: identity)
        }
        try store.close(identity)
        for context in [1, 2, 5, 30] {
            var request = LogRequest()
            (request.before, request.after) = (context, context)
            request.query.filters = [LineFilter(.word, "needle")]
            let feed = try LogFeed(request, in: LogArchive(directory: directory.path))
            var found: [Int] = []
            var groups = 0
            while let line = try feed.next() {
                found.append(Int(line.entry.sequence))
                groups += line.startsGroup ? 1 : 0
            }
            let expected = (0..<200).filter { i in needles.contains { abs($0 - i) <= context } }
            #expect(found == expected, "\(context)")
            #expect(groups == zip(expected, expected.dropFirst()).count { $1 > $0 + 1 })
        }
    }

    @Test("A feed that follows sees what comes, of containers that come too, and goes on")
    func following() throws {
        let logs = try Logs()
        var request = LogRequest()
        request.isFollowing = true
        request.tail = 0
        request.names = ["web", "new*"]
        let feed = try LogFeed(request, in: logs.archive)
        #expect(try feed.next() == nil)
        var seen: [String] = []
        func poll() throws -> Int {
            feed.wait(milliseconds: 20)
            while try feed.advance() {
                while let line = try feed.next() {
                    seen.append(String(decoding: line.entry.bytes, as: UTF8.self))
                }
            }
            return seen.count
        }
        try logs.add("web2", "web", 2, [("more", 300)])
        #expect(try eventually { try poll() == 1 })
        try logs.add("new1", "newcomer", 3, [("hello", 301)])
        #expect(try eventually { try poll() == 2 })
        #expect(seen == ["more", "hello"])
        // Where it ended, another goes on.
        var later = LogRequest()
        later.names = ["web", "newcomer"]
        later.query.from = feed.positions
        try logs.add("web2", "web", 2, [("last", 302)])
        #expect(try logs.lines(later) == ["last"])
    }

    @Test("Requests and lines survive their way through an address and JSON")
    func roundTrip() throws {
        var request = LogRequest()
        request.names = ["a b", "c*"]
        request.matchers = [Matcher("k", .matchesNot, "v=1")]
        request.query.filters = [
            LineFilter(.word, "x", ignoresCase: true, isInverted: true), LineFilter(.pattern, "y+"),
        ]
        request.query.from = ["x:y": 7]
        (request.query.start, request.tail, request.isFollowing) = (5, 10, true)
        let read = try LogRequest(parameters: request.parameters)
        #expect(read.parameters.map { $0.0 + $0.1 } == request.parameters.map { $0.0 + $0.1 })
        #expect(read.query.filters == request.query.filters)
        #expect(throws: LogRequestError.self) { try LogRequest(parameters: [("nonsense", "1")]) }

        let bytes: [UInt8] = [0x1b, 0xff, 0x22, 0x0a, 0xe2]
        let entry = LogEntry(
            timestamp: -1, stream: .stderr, level: .error, isGap: true, bytes: bytes, sequence: 3)
        var clock = LogClock()
        var json: [UInt8] = []
        LogLine(entry, of: LogIdentity(id: "i", name: "n", createdAt: 0))
            .appendJSON(&clock, to: &json)
        #expect(String(decoding: json, as: UTF8.self).contains("1969-12-31T23:59:59.999999999Z"))
        #expect(LogLine(json: Array(json.dropLast()))?.entry == entry)
    }
}

@Suite("Looking over and mending") struct LogMaintenanceTests {
    @Test("Damage is found, set aside, and what is whole stays")
    func repair() throws {
        let directory = try TemporaryDirectory("mend")
        var options = LogStore.Options()
        options.blockBytes = 1
        let store = try LogStore(directory: directory.path, options: options)
        let identity = LogIdentity(id: "c1", name: "web", createdAt: 1)
        for i in 0..<6 {
            var batch = LogBatch()
            var text = "line \(i)"
            text.withUTF8 {
                batch.append(.init($0), timestamp: Int64(i), stream: .stdout, level: .info)
            }
            try store.append(batch, of: identity)
        }
        try store.close(identity)
        #expect(try LogMaintenance.verify(directory: directory.path).isSound)
        #expect(try LogMaintenance.verify(directory: directory.path).entries == 6)
        #expect(!(try LogMaintenance.repair(directory: directory.path).isNeeded))

        let path = directory.appending("c1/0000000000000000.seg")
        var bytes = try #require(FileManager.default.contents(atPath: path))
        bytes[bytes.count / 2] ^= 0xff
        try bytes.write(to: URL(filePath: path))
        try Data("no".utf8).write(to: URL(filePath: directory.appending("c1/identity")))
        #expect(try LogMaintenance.verify(directory: directory.path).damage.count >= 2)
        let report = try LogMaintenance.repair(directory: directory.path)
        #expect(report.kept.count == 2)
        #expect(try LogMaintenance.verify(directory: directory.path).isSound)
        let archive = LogArchive(directory: directory.path)
        let cursor = try archive.select(LogQuery())
        var (lines, gaps) = (0, 0)
        while let entry = try cursor.next() {
            if entry.isGap { gaps += 1 } else { lines += 1 }
        }
        #expect(lines == 5 && gaps == 1)
        #expect(try archive.logs([]).first?.name == "c1")
    }
}
