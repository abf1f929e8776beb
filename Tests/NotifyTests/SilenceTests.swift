// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import TestSupport
import Testing

@testable import Notify

/// Silences and the file they are kept in.
@Suite("Silences")
struct SilenceTests {
    private let directory: TemporaryDirectory
    private let now: Milliseconds = 1_700_000_000_000

    init() throws { directory = try TemporaryDirectory("silences") }

    private var path: String { directory.appending("silences.json") }

    private func silence(_ matchers: [Matcher], for time: Milliseconds = 3_600_000) -> Silence {
        Silence(
            matchers: matchers, startsAt: now, endsAt: now + time, createdBy: "me",
            comment: "moving \"house\"")
    }

    @Test("A silence holds for its time, over restarts, and can be ended")
    func life() throws {
        let store = SilenceStore(path: path)
        let id = try store.add(silence([Matcher("name", .matches, "web.*")]), at: now)
        let again = SilenceStore(path: path)
        #expect(again.all == store.all)
        #expect(again.silences(["name": "web1"], at: now))
        #expect(!again.silences(["name": "db"], at: now))
        #expect(!again.silences(["name": "web1"], at: now + 3_600_000))
        try again.expire(id, at: now + 1000)
        #expect(!SilenceStore(path: path).silences(["name": "web1"], at: now + 1000))
        #expect(throws: NotifyError.self) { try again.expire(id, at: now + 2000) }
        #expect(throws: NotifyError.self) { try again.expire("nothing", at: now) }
    }

    @Test("A silence that covers everything, nothing or the past is refused")
    func refused() {
        let store = SilenceStore(path: path)
        for matchers in [
            [], [Matcher("name", .matches, ".*")], [Matcher("a", .notEqual, "x")],
            [Matcher("a", .matches, "(")],
        ] {
            #expect(throws: NotifyError.self) { try store.add(silence(matchers), at: now) }
        }
        let fine = [Matcher("a", .equal, "b")]
        #expect(throws: NotifyError.self) { try store.add(silence(fine, for: -1), at: now) }
        #expect(throws: NotifyError.self) { try store.add(silence(fine), at: now + 4_000_000) }
        #expect(store.all.isEmpty)
    }

    @Test("A damaged file is set aside, not lost")
    func damaged() throws {
        for text in ["", "{\"version\":1", "[]", "{\"version\":9}", "\u{0}\u{1}"] {
            try directory.write(text, to: "silences.json")
            var aside = ""
            #expect(SilenceStore(path: path) { aside = $0 }.all.isEmpty)
            #expect(contents(aside) == text)
        }
    }

    @Test("What cannot be written down does not hold")
    func unwritable() {
        let store = SilenceStore(path: directory.appending("none/silences.json"))
        #expect(throws: NotifyError.self) {
            try store.add(silence([Matcher("a", .equal, "b")]), at: now)
        }
        #expect(!store.silences(["a": "b"], at: now))
    }

    @Test("Silences are read as Alertmanager's API has them; anything else is refused")
    func json() throws {
        let text = """
            {"matchers":[{"name":"a","value":"b|c","isRegex":true,"isEqual":false}],
             "startsAt":"2023-11-14T22:13:20Z","endsAt":"2023-11-15T22:13:20.5Z",
             "createdBy":"x","comment":"y"}
            """
        let silence = try SilenceStore.read(Array(text.utf8))
        #expect(silence.matchers == [Matcher("a", .matchesNot, "b|c")])
        #expect(silence.startsAt == now && silence.endsAt == now + 86_400_500)
        var random = SeededRandom(seed: 6)
        for _ in 0..<2000 {
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? SilenceStore.read(bytes)
        }
    }
}
