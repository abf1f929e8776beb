// SPDX-License-Identifier: Apache-2.0

import Logs
import Model
import TestSupport
import Testing

@Suite("Reading logs")
struct LogsTests {
    private func parse(_ line: String) -> LogRecord? {
        var line = line
        return line.withUTF8 { JSONFileParser.parse(UnsafeRawBufferPointer($0))?.record }
    }

    @Test("A record of Docker's is read, whatever the order of its keys")
    func record() {
        let record = parse(
            #"{"time":"2026-11-23T22:41:44.19952806Z","attrs":{"k":"v"},"stream":"stderr","log":"a\u003c\"é\ud83d\ude00\n"}"#
        )
        #expect(record?.timestamp == 1_795_473_704_199_528_060)
        #expect(record?.stream == .stderr)
        #expect(record?.isPartial == false)
        #expect(record.map { String(decoding: $0.bytes, as: UTF8.self) } == "a<\"é😀")
        #expect(
            parse(#"{"log":"x","stream":"stdout","time":"2026-01-01T00:00:00Z"}"#)?.isPartial
                == true)
    }

    @Test("A record cut at any byte is refused, not misread")
    func truncation() {
        let whole = #"{"log":"text\n","stream":"stdout","time":"2026-01-01T00:00:00.5Z"}"#
        for end in 0..<whole.utf8.count {
            #expect(parse(String(decoding: Array(whole.utf8)[..<end], as: UTF8.self)) == nil)
        }
    }

    @Test("A damaged line is passed over and counted, the rest is read")
    func damaged() throws {
        let directory = try TemporaryDirectory("logs")
        let good = #"{"log":"ok\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}"#
        let path = try directory.write("\(good)\n\0\0{half\n\(good)\n", to: "log")
        let follower = try JSONFileFollower(path: path)
        var lines: [String] = []
        follower.read { record, _ in lines.append(String(decoding: record.bytes, as: UTF8.self)) }
        #expect(lines == ["ok", "ok"])
        #expect(follower.damaged == 1)
        let last = try JSONFileFollower(path: path)
        last.seek(toLast: 1)
        var count = 0
        last.read { _, _ in count += 1 }
        #expect(count == 1)
    }

    @Test("Times are understood as people write them")
    func times() throws {
        let now: Int64 = 1_000_000_000_000_000_000
        for (text, expected) in [
            ("10m", now - 600_000_000_000), ("-1h", now - 3_600_000_000_000),
            ("3 days ago", now - 259_200_000_000_000), ("1970-01-02", 86_400_000_000_000),
            ("1970-01-01T00:00:01.5Z", 1_500_000_000), ("100", 100_000_000_000),
        ] {
            #expect(try TimeExpression.parse(text, now: now) == expected, "\(text)")
        }
        #expect(throws: TimeExpression.Failure.self) { try TimeExpression.parse("soon", now: now) }
    }

    @Test("Control characters do not reach the terminal")
    func terminal() {
        var output: [UInt8] = []
        TerminalText.append(Array("\u{1b}[31mred\r\u{202e}\t".utf8), to: &output)
        #expect(String(decoding: output, as: UTF8.self) == "\\u{1b}[31mred\\u{d}\\u{202e}\t")
    }
}
