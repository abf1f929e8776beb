// SPDX-License-Identifier: Apache-2.0

import Model
import Pipeline
import TestSupport
import Testing

@Suite("Forms of lines") struct PatternMinerTests {
    private func patterns(_ lines: [String]) -> [(String, Int)] {
        var miner = PatternMiner()
        for (i, line) in lines.enumerated() {
            miner.add(Array(line.utf8), time: Int64(i), level: .info)
        }
        return miner.patterns.map { (String(decoding: $0.text, as: UTF8.self), $0.count) }
    }

    @Test("Numbers, addresses and words that vary become places")
    func forms() {
        var lines: [String] = []
        for i in 0..<30 {
            lines.append("GET /items/\(i) from 10.0.0.\(i) took \(i)ms")
            lines.append(
                #"level=info msg="user \#(["ann", "bob", "eve"][i % 3]) logged in" id=\#(i)"#)
        }
        lines.append("started")
        let found = patterns(lines)
        #expect(found.count == 3)
        #expect(found.contains { $0 == ("GET <_> from <_> took <_>", 30) })
        #expect(found.contains { $0 == (#"level=info msg="user <_> logged in" id=<_>"#, 30) })
        #expect(found.contains { $0 == ("started", 1) })
    }

    @Test("Any bytes are taken, and memory stays bounded")
    func bounded() {
        var random = SeededRandom(seed: 7)
        var miner = PatternMiner()
        let letters = Array("abcdefghijklmnop =:\"[]{}<>|\u{0}\n\u{ff}0".utf8)
        for i in 0..<6000 {
            let count = Int.random(in: 0..<120, using: &random)
            let line = (0..<count).map { _ in letters.randomElement(using: &random) ?? 0 }
            miner.add(line, time: Int64(i), level: .unknown)
        }
        #expect(miner.patterns.count <= PatternMiner.maxPatterns)
        #expect(miner.patterns.reduce(0) { $0 + $1.count } + miner.others == 6000)
        miner.add([UInt8](repeating: 0x61, count: 1 << 20), time: 0, level: .unknown)
    }
}
