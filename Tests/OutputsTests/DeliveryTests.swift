// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Outputs
import TestSupport
import Testing

@Suite("Delivering parcels")
struct DeliveryTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("delivery") }

    private func options() -> DeliveryOptions {
        var options = DeliveryOptions()
        options.batch.records = 10
        options.batch.age = 0
        options.firstBackoff = 1
        options.longestBackoff = 2
        options.poll = 5
        return options
    }

    private func delivery(
        _ carrier: ScriptedCarrier, count: Int, options: DeliveryOptions? = nil
    ) throws -> Delivery {
        try Delivery(
            name: "sink", kind: "test", target: "nowhere", directory: directory.appending("sink"),
            options: options ?? self.options(), carrier: carrier,
            source: { NumberSource(count: count, cursor: $0) })
    }

    private func records(_ carrier: ScriptedCarrier) -> [UInt8] { carrier.taken.flatMap(\.body) }

    @Test("A source that tells its news is asked again when there are any")
    func news() throws {
        let carrier = ScriptedCarrier()
        let count = Counter(10)
        let notice = ChangeNotice()
        let delivery = try Delivery(
            name: "sink", kind: "test", target: "nowhere", directory: directory.appending("sink"),
            options: options(), carrier: carrier,
            source: { NumberSource(counted: { count.value }, cursor: $0) }, news: notice)
        delivery.start()
        for wanted in [10, 20, 30] {
            #expect(eventually { carrier.taken.reduce(0) { $0 + $1.records } == wanted })
            #expect(eventually { delivery.snapshot().activity == .idle })
            count.value = wanted + 10
            notice.note()
            // By itself it would look again after ten seconds.
            #expect(
                eventually(within: 5) {
                    carrier.taken.reduce(0) { $0 + $1.records } == wanted + 10
                })
        }
        delivery.stop()
    }

    @Test("Everything arrives once and in order, through failures that pass")
    func retries() throws {
        let busy = Verdict.retry(reason: "HTTP 503", after: nil)
        let carrier = ScriptedCarrier([busy, busy, .accepted, busy, .accepted])
        let delivery = try delivery(carrier, count: 95)
        delivery.start()
        #expect(eventually { carrier.taken.count == 10 })
        delivery.stop()
        #expect(records(carrier) == (0..<95).map { UInt8($0) })
        let status = delivery.snapshot()
        #expect(status.records == 95)
        #expect(status.attempts == ["accepted": 10, "retry": 3])
        #expect(status.lastError == "HTTP 503")
        #expect(status.activity == .stopped)
    }

    @Test("Of parts that are sent at once only those that failed are sent again")
    func parts() throws {
        let carrier = ScriptedCarrier([
            .accepted, .retry(reason: "busy", after: nil), .accepted, .refused(reason: "never"),
            .retry(reason: "busy", after: nil),
        ])
        var options = options()
        options.batch.parts = 4
        let delivery = try delivery(carrier, count: 80, options: options)
        delivery.start()
        #expect(eventually { delivery.snapshot().cursor == "80" })
        delivery.stop()
        // Part 1 was sent three times, part 3 is parked, and the second batch went through.
        #expect(carrier.attempts == 4 + 1 + 1 + 4)
        let byPart = Dictionary(grouping: carrier.taken, by: \.part).mapValues {
            $0.flatMap(\.body)
        }
        for part in 0..<4 {
            let first = part == 3 ? 43 : part
            #expect(byPart[part] == stride(from: first, to: 80, by: 4).map { UInt8($0) })
        }
        #expect(delivery.snapshot().refused == 10)
        let letters = try String(
            contentsOfFile: directory.appending("sink/dead-letters.jsonl"), encoding: .utf8)
        #expect(letters.contains("never") && letters.contains("{\"first\":3}"))
    }

    @Test("After a restart it goes on where the sink was")
    func resume() throws {
        let first = ScriptedCarrier()
        var delivery = try delivery(first, count: 30)
        delivery.start()
        #expect(eventually { first.taken.count == 3 })
        delivery.stop()
        let second = ScriptedCarrier()
        delivery = try self.delivery(second, count: 45)
        delivery.start()
        #expect(eventually { second.taken.count == 2 })
        delivery.stop()
        #expect(records(second) == (30..<45).map { UInt8($0) })
    }

    @Test("What is refused for good is parked and does not block what follows")
    func refused() throws {
        let carrier = ScriptedCarrier([.refused(reason: "HTTP 400: \"bad\"\n")])
        let delivery = try delivery(carrier, count: 20)
        delivery.start()
        #expect(eventually { carrier.taken.count == 1 })
        delivery.stop()
        #expect(records(carrier) == (10..<20).map { UInt8($0) })
        #expect(delivery.snapshot().refused == 10)
        let letters = try #require(contents(directory.appending("sink/dead-letters.jsonl")))
        let lines = letters.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].contains("\"records\":10,\"reason\":\"HTTP 400: \\\"bad\\\"\\n\"}"))
        #expect(lines[1] == "{\"first\":0}")
    }

    @Test("A parcel that is too large is sent in smaller ones, a record that is alone is parked")
    func tooLarge() throws {
        let large = Verdict.tooLarge(reason: "HTTP 413")
        let carrier = ScriptedCarrier([large, large, large, large])
        let delivery = try delivery(carrier, count: 20)
        delivery.start()
        #expect(eventually { records(carrier).count == 19 })
        delivery.stop()
        #expect(records(carrier) == (1..<20).map { UInt8($0) })
        #expect(delivery.snapshot().refused == 1)
    }

    @Test("A version that is not supported, with no other, is parked")
    func unsupported() throws {
        let carrier = ScriptedCarrier([.unsupported(reason: "HTTP 415")])
        let delivery = try delivery(carrier, count: 20)
        delivery.start()
        #expect(eventually { carrier.taken.count == 1 })
        delivery.stop()
        #expect(delivery.snapshot().refused == 10)
    }

    @Test("Replaying sends again from a place on")
    func replay() throws {
        let carrier = ScriptedCarrier()
        let delivery = try delivery(carrier, count: 20)
        delivery.start()
        #expect(eventually { carrier.taken.count == 2 })
        delivery.replay(since: 5)
        #expect(eventually { records(carrier).count == 35 })
        delivery.stop()
        #expect(records(carrier).suffix(15) == (5..<20).map { UInt8($0) }[...])
    }

    @Test("A damaged cursor is kept aside, and everything is sent again")
    func damagedCursor() throws {
        try directory.write("ullage cursor 1\n17\nbad\n", to: "sink/cursor")
        let carrier = ScriptedCarrier()
        let delivery = try delivery(carrier, count: 20)
        delivery.start()
        #expect(eventually { records(carrier).count == 20 })
        delivery.stop()
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.appending("sink"))
        #expect(names.contains { $0.hasPrefix("cursor.damaged-") })
    }

    @Test("A cursor that cannot be written stops the sink until it can")
    func cursorStuck() throws {
        // A directory in the place of the file that is written first.
        try FileManager.default.createDirectory(
            atPath: directory.appending("sink/cursor.new"), withIntermediateDirectories: true)
        let carrier = ScriptedCarrier()
        let delivery = try delivery(carrier, count: 30)
        delivery.start()
        #expect(eventually { delivery.snapshot().lastError?.contains("cursor.new") == true })
        #expect(carrier.taken.isEmpty)
        try FileManager.default.removeItem(atPath: directory.appending("sink/cursor.new"))
        #expect(eventually { carrier.taken.count == 3 })
        delivery.stop()
        #expect(records(carrier) == (0..<30).map { UInt8($0) })
    }
}
