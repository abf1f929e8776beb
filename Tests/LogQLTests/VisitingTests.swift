// SPDX-License-Identifier: Apache-2.0

import LogStore
import Model
import Testing

@testable import LogQL

/// Going through a store's entries without copying them.
@Suite struct VisitingTests {
    private func filled() throws -> FilledStore {
        let store = try FilledStore(blockBytes: 300)
        for name in ["a", "b"] {
            try store.add((0..<100).map { (Double($0), "line \($0) of \(name)") }, of: name)
            try store.add([(100, "lost")], of: name, .stderr, isGap: true)
        }
        return store
    }

    private func cursor(
        _ store: FilledStore, _ change: (inout LogQuery) -> Void = { _ in }
    ) throws -> any LogCursor {
        var query = LogQuery()
        change(&query)
        return try store.archive.entries(query, of: try store.archive.logs([]))
    }

    private func visited(_ cursor: any LogCursor, limit: Int = .max) throws -> [String] {
        var result: [String] = []
        try cursor.forEach { entry in
            result.append(String(decoding: entry.bytes, as: UTF8.self))
            return result.count < limit
        }
        return result
    }

    @Test func everyEntryIsSeenLogByLog() throws {
        let store = try filled()
        let expected = ["a", "b"].flatMap { name in
            (0..<100).map { "line \($0) of \(name)" } + ["lost"]
        }
        #expect(try visited(try cursor(store)) == expected)
        #expect(try visited(try cursor(store), limit: 7) == Array(expected.prefix(7)))
        let some = try visited(
            try cursor(store) { $0.filters = [LineFilter(.substring, "line 42 of b")] })
        // Gaps are never filtered.
        #expect(some == ["lost", "line 42 of b", "lost"])
    }

    @Test func whatWasTakenBeforeIsNotSeenAgain() throws {
        let store = try filled()
        let cursor = try cursor(store)
        var taken: [String] = []
        for _ in 0..<5 {
            taken.append(String(decoding: try #require(try cursor.next()).bytes, as: UTF8.self))
        }
        let rest = try visited(cursor)
        #expect(rest.count == 202 - 5)
        #expect(Set(rest).isDisjoint(with: Set(taken)))
        #expect(try cursor.next() == nil)
    }

    @Test func anErrorEndsTheVisit() throws {
        struct Stop: Error {}
        let store = try filled()
        let cursor = try cursor(store)
        var count = 0
        #expect(throws: Stop.self) {
            try cursor.forEach { _ in
                count += 1
                if count == 3 { throw Stop() }
                return true
            }
        }
        #expect(count == 3)
    }
}
