// SPDX-License-Identifier: Apache-2.0

import Codecs
import Events
import Foundation
import Model
import TestSupport
import Testing

@Suite("Events of containers")
struct EventTests {
    let directory: TemporaryDirectory
    let log: EventLog

    init() throws {
        directory = try TemporaryDirectory("events")
        log = try EventLog(directory: directory.appending("events"), maxBytes: 1 << 20)
    }

    private func container(
        _ id: Character, _ name: String, engine: Container.Engine = .docker,
        state: Container.State = .running, created: Milliseconds = 1000,
        started: Milliseconds? = 1100
    ) -> Container {
        var container = Container(
            engine: engine, id: String(repeating: id, count: 64), name: name, image: "img",
            state: state, createdAt: created)
        container.startedAt = started
        return container
    }

    /// What the log has, as words.
    private func told(_ log: EventLog? = nil, _ query: EventQuery = EventQuery()) -> [String] {
        (log ?? self.log).select(query).map { line in
            let json = JSONValue(line) ?? .null
            let code = json["exitCode"].int.map { " \($0)" } ?? ""
            return "\(json["event"].string ?? "?") \(json["name"].string ?? "?")\(code)"
        }
    }

    @Test("A life is recorded once, with its end, its exit code and its totals")
    func life() {
        let detector = EventDetector(log: log, start: 1000)
        detector.update([], now: 1000)
        var web = container("a", "web", state: .created, started: nil)
        detector.update([web], now: 1050)
        web.state = .running
        web.startedAt = 1100
        web.initStartTicks = 7
        detector.update([web], now: 1101)
        detector.update([web], now: 1150)
        var totals = ContainerTotals()
        totals.cpuSeconds = 0.25
        detector.note(totals, of: web.key)
        web.state = .exited
        web.exitCode = 3
        web.finishedAt = 1300
        web.initStartTicks = nil
        detector.update([web], now: 1310)
        detector.update([web], now: 1320)
        detector.update([], now: 1400)
        #expect(told() == ["create web", "start web", "die web 3", "remove web"])
        let die = JSONValue(log.select(EventQuery())[2]) ?? .null
        #expect(die["cpuSeconds"] == .number(0.25))
        #expect(die["durationSeconds"] == .number(0.2))
    }

    @Test("A container seen only after it ended is recorded whole")
    func shortLife() {
        let detector = EventDetector(log: log, start: 1000)
        detector.update([], now: 1000)
        var job = container("b", "job", state: .exited, created: 1010, started: 1020)
        job.finishedAt = 1220
        job.exitCode = 0
        job.totals = ContainerTotals()
        job.totals?.memoryPeak = 4096
        detector.update([job], now: 1300)
        #expect(told() == ["create job", "start job", "die job 0"])
        #expect(JSONValue(log.select(EventQuery())[2])?["memoryPeakBytes"] == .number(4096))
    }

    @Test("An engine that takes a moment to write how a container ended is waited for")
    func lateWord() {
        let detector = EventDetector(log: log, start: 0)
        var web = container("a", "web")
        detector.update([web], now: 1200)
        web.state = .dead
        detector.update([web], now: 2000)
        detector.tick(now: 2100)
        web.state = .exited
        web.exitCode = 137
        web.finishedAt = 1999
        detector.update([web], now: 2200)
        #expect(told() == ["create web", "start web", "die web 137"])
    }

    @Test("An engine that was killed never says it, and the end is recorded all the same")
    func noWord() {
        let detector = EventDetector(log: log, start: 0)
        var web = container("a", "web")
        detector.update([web], now: 1200)
        web.state = .dead
        detector.update([web], now: 2000)
        detector.tick(now: 12_000)
        detector.tick(now: 12_100)
        detector.update([web], now: 12_200)
        #expect(told() == ["create web", "start web", "die web"])
    }

    @Test("Restarts, renames, health and kills for want of memory")
    func changes() {
        let detector = EventDetector(log: log, start: 0)
        var web = container("a", "web")
        web.initStartTicks = 1
        detector.update([web], now: 1200)
        detector.note(oomKills: 1, of: web.key, now: 1250)
        detector.note(oomKills: 1, of: web.key, now: 1260)
        web.name = "shop"
        web.health = .unhealthy
        detector.update([web], now: 1300)
        web.startedAt = 5000
        web.initStartTicks = 2
        detector.update([web], now: 5001)
        #expect(
            told() == [
                "create web", "start web", "oom web", "rename shop", "health shop", "die shop",
                "start shop",
            ])
    }

    @Test("A flood of kills is told now and then, and the last of it at the end")
    func kills() {
        let detector = EventDetector(log: log, start: 0)
        let web = container("a", "web")
        detector.update([web], now: 1200)
        for second in 1...25 {
            detector.note(
                oomKills: Int64(second), of: web.key, now: 1200 + Milliseconds(second) * 1000)
            // The tick's word of the same moment comes with a time that is a little older.
            detector.note(
                oomKills: Int64(second), of: web.key, now: 700 + Milliseconds(second) * 1000)
        }
        detector.update([], now: 27_000)
        let kills = log.select(EventQuery()).compactMap { JSONValue($0)?["oomKills"].int }
        #expect(kills == [1, 11, 21, 25])
    }

    @Test("Totals that come before the engine says that a container ran are kept")
    func earlyTotals() {
        let detector = EventDetector(log: log, start: 0)
        var job = container("b", "job", state: .created, created: 1010)
        job.startedAt = nil
        detector.update([job], now: 1100)
        var totals = ContainerTotals()
        totals.cpuSeconds = 0.5
        detector.note(totals, of: job.key)
        job.state = .exited
        job.startedAt = 1120
        job.finishedAt = 1320
        job.exitCode = 0
        detector.update([job], now: 1400)
        #expect(told() == ["create job", "start job", "die job 0"])
        #expect(JSONValue(log.select(EventQuery())[2])?["cpuSeconds"] == .number(0.5))
    }

    @Test("What happened while no agent ran is told by the next one, nothing twice")
    func acrossAgents() throws {
        let first = EventDetector(log: log, start: 0)
        var web = container("a", "web")
        web.initStartTicks = 5
        let gone = container("c", "gone")
        let unit = container("d", "cron.service", engine: .systemd)
        first.update([web, gone, unit], now: 1200)
        let before = told().count
        let reopened = try EventLog(directory: directory.appending("events"), maxBytes: 1 << 20)
        let second = EventDetector(log: reopened, start: 9000)
        var new = container("e", "new", created: 8000, started: 8001)
        new.initStartTicks = 9
        second.update([web, unit, new], now: 9000)
        #expect(
            told(reopened).dropFirst(before).sorted()
                == ["create new", "die gone", "remove gone", "start new"])
        let late = reopened.select(EventQuery()).filter { JSONValue($0)?["late"].bool == true }
        #expect(late.count == 2)
    }

    @Test("What was there before the first agent is no news")
    func firstAgent() {
        let detector = EventDetector(log: log, start: 50_000)
        detector.update([container("a", "web")], now: 50_000)
        #expect(told().isEmpty)
        detector.update([], now: 60_000)
        #expect(told() == ["die web", "remove web"])
    }

    /// Discovery sees the cgroup of Docker's container before and after Docker's own word.
    @Test("A cgroup without its engine's word is not taken for a container of its own")
    func placeholders() {
        let detector = EventDetector(log: log, start: 0)
        detector.update([], now: 1000)
        var shadow = container("a", String(repeating: "a", count: 12))
        shadow.image = ""
        detector.update([shadow], now: 1101)
        let web = container("a", "web")
        detector.update([web], now: 1120)
        detector.update([shadow], now: 1400)
        detector.update([], now: 1420)
        detector.update([shadow], now: 1430)
        detector.update([], now: 1440)
        #expect(told() == ["create web", "start web", "die web", "remove web"])
    }

    @Test("1,000 containers that come and go with names and pids used again are told apart")
    func churn() {
        let detector = EventDetector(log: log, start: 0)
        let digits = Array("0123456789abcdef")
        for round in 0..<10 {
            var list: [Container] = []
            for i in 0..<100 {
                let n = round * 100 + i
                var one = container(
                    "0", "job-\(i)", created: Milliseconds(round * 1000), started: nil)
                let tail = String((0..<8).map { digits[n >> (4 * $0) & 15] })
                one.id = tail + one.id.dropFirst(8)
                one.startedAt = one.createdAt
                one.initPID = Int32(i + 2)
                one.initStartTicks = UInt64(round)
                list.append(one)
            }
            detector.update(list, now: Milliseconds(round * 1000 + 1))
        }
        detector.update([], now: 20_000)
        var query = EventQuery()
        query.limit = 100_000
        var counts: [String: Int] = [:]
        for line in log.select(query) {
            guard let json = JSONValue(line) else { continue }
            counts["\(json["event"].string ?? "") \(json["id"].string ?? "")", default: 0] += 1
        }
        #expect(counts.count == 4000)
        #expect(counts.values.allSatisfy { $0 == 1 })
    }

    @Test("Queries choose by time, number and filters")
    func queries() throws {
        for i in 1...20 {
            log.append(
                ContainerEvent(
                    i % 2 == 0 ? .start : .die, at: Milliseconds(i * 1000),
                    of: container("a", i > 10 ? "web" : "db")))
        }
        var query = EventQuery()
        query.range = TimeRange(start: 5000, end: 12_000)
        #expect(told(nil, query).count == 8)
        let isKind = query.addFilter("event=start")
        #expect(isKind)
        let isName = query.addFilter("name=web")
        #expect(isName)
        #expect(told(nil, query) == ["start web"])
        let isFilter = query.addFilter("nonsense=1")
        #expect(!isFilter)
        var newest = EventQuery()
        newest.after = 18
        #expect(told(nil, newest).count == 2)
        newest.after = 0
        newest.limit = 3
        #expect(told(nil, newest).count == 3)
        var byID = EventQuery()
        let isID = byID.addFilter("container=aaaaaaaa")
        #expect(isID)
        #expect(told(nil, byID).count == 20)
    }

    @Test("The oldest events go when the log is full, and numbers go on")
    func retention() throws {
        let log = try EventLog(directory: directory.appending("small"), maxBytes: 65536)
        for i in 0..<2000 {
            log.append(ContainerEvent(.start, at: Milliseconds(i), of: container("a", "web")))
        }
        #expect(log.statistics.bytes <= 65536)
        #expect(log.last == 2000)
        var all = EventQuery()
        all.limit = 10_000
        let kept = log.select(all)
        #expect(kept.count > 100)
        #expect(JSONValue(kept.last ?? [])?["number"].int == 2000)
        let again = try EventLog(directory: directory.appending("small"), maxBytes: 65536)
        #expect(again.last == 2000)
        #expect(again.select(all) == kept)
    }

    @Test("A torn line and foreign bytes do no harm")
    func damage() throws {
        log.append(ContainerEvent(.start, at: 1, of: container("a", "we\u{1b}[31m\"b\n")))
        let path = directory.appending("events/000000000001.jsonl")
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([0xff, 0x0a, 0x7b, 0x7d, 0x0a]))
        try handle.write(contentsOf: Data("{\"number\":2,\"ti".utf8))
        try handle.close()
        let again = try EventLog(directory: directory.appending("events"), maxBytes: 1 << 20)
        #expect(again.last == 1)
        again.append(ContainerEvent(.die, at: 2, of: container("a", "web")))
        #expect(told(again) == ["start we\u{1b}[31m\"b\n", "die web"])
    }
}
