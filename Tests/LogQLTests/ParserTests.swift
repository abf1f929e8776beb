// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import PromQL
import TestSupport
import Testing

@testable import LogQL

@Suite struct ParserTests {
    /// What users of Loki write, and how it is printed.
    static let queries: [(String, String)] = [
        (#"{app="web"}"#, #"{app="web"}"#),
        (#"{ app =~ "a|b", stream!="stderr" }"#, #"{app=~"a|b", stream!="stderr"}"#),
        (#"({app="web"} |= `x"y`)"#, #"{app="web"} |= "x\"y""#),
        (
            #"{app="web"} |= "a" or "b" != "c" |~ "d.*" !~ "e""#,
            #"{app="web"} |= "a" or "b" != "c" |~ "d.*" !~ "e""#
        ),
        (
            #"{app="web"} |> "<_>level=debug <_>" !> "<_>x""#,
            #"{app="web"} |> "<_>level=debug <_>" !> "<_>x""#
        ),
        (
            #"{app="web"} |= ip("10.0.0.0/8") or "x" # all of them"#,
            #"{app="web"} |= ip("10.0.0.0/8") or "x""#
        ),
        (
            #"{app="web"} | json | logfmt --strict --keep-empty | unpack | decolorize"#,
            #"{app="web"} | json | logfmt --strict --keep-empty | unpack | decolorize"#
        ),
        (
            #"{app="web"} | json a="b.c[0]", d | logfmt x="y""#,
            #"{app="web"} | json a="b.c[0]",d="d" | logfmt x="y""#
        ),
        (
            #"{app="web"} | regexp "(?P<m>\\w+)" | pattern "<ip> - <_>""#,
            #"{app="web"} | regexp "(?P<m>\\w+)" | pattern "<ip> - <_>""#
        ),
        (
            #"{app="web"} | status >= 400 and took > 1m30s or size<5KiB, a="b" c!~"d""#,
            #"{app="web"} | ((status>=400 , took>1m30s) or ((size<5KiB , a="b") , c!~"d"))"#
        ),
        (
            #"{app="web"} | (a="b" or n=-1.5) | addr != ip("::1") | b==20MB"#,
            #"{app="web"} | (a="b" or n==-1.5) | addr!=ip("::1") | b==20MB"#
        ),
        (
            #"{app="web"} | line_format "{{.a}}" | label_format a=b,c="{{.d}}" | drop a,b="c" | keep d"#,
            #"{app="web"} | line_format "{{.a}}" | label_format a=b,c="{{.d}}" | drop a,b="c" | keep d"#
        ),
        (#"{app="web"} | json="x" | drop != "y""#, #"{app="web"} | json="x" | drop!="y""#),
        (#"rate({app="web"} |= "x" [5m])"#, #"rate({app="web"} |= "x"[5m0s])"#),
        (
            #"count_over_time(({app="web"} | json)[1h] offset 5m)"#,
            #"count_over_time({app="web"} | json[1h0m0s] offset 5m0s)"#
        ),
        (
            #"sum by (level, detected_level) (count_over_time({app="web"} | drop __error__[15000ms]))"#,
            #"sum by (level,detected_level)(count_over_time({app="web"} | drop __error__[15s]))"#
        ),
        (
            #"quantile_over_time(0.99, {a="b"} | logfmt | unwrap duration(took) | __error__="" [1m]) by (path)"#,
            #"quantile_over_time(0.99,{a="b"} | logfmt | unwrap duration(took) | __error__=""[1m0s]) by (path)"#
        ),
        (
            #"sum_over_time({a="b"}[1m] | json | unwrap bytes(size))"#,
            #"sum_over_time({a="b"} | json | unwrap bytes(size)[1m0s])"#
        ),
        (
            #"topk(3, sum(rate({a="b"}[1m])) by (x)) + 1 * 2 ^ 3 ^ 2"#,
            #"topk(3,sum by (x)(rate({a="b"}[1m0s]))) + (1 * (2 ^ (3 ^ 2)))"#
        ),
        (
            #"rate({a="b"}[1m]) > bool 5 or rate({a="c"}[1m]) / on (x) group_left (y) rate({a="d"}[1m])"#,
            #"(rate({a="b"}[1m0s]) > bool 5) or (rate({a="c"}[1m0s]) / on(x) group_left(y) rate({a="d"}[1m0s]))"#
        ),
        (
            #"label_replace(rate({a="b"}[1m]), "x", "$1", "a", "(.*)")"#,
            #"label_replace(rate({a="b"}[1m0s]),"x","$1","a","(.*)")"#
        ),
        ("vector(1)+vector(1)", "vector(1) + vector(1)"),
        (
            #"sort_desc(sum without (a) (bytes_rate({a="b"} != "c" [1m]))) != 3"#,
            #"sort_desc(sum without (a)(bytes_rate({a="b"} != "c"[1m0s]))) != 3"#
        ),
    ]

    @Test(arguments: queries)
    func printsAndReadsBack(_ query: (String, String)) throws {
        let parsed = try LogParser.parse(query.0)
        #expect(parsed.description == query.1)
        #expect(try LogParser.parse(parsed.description) == parsed)
    }

    /// Queries with a mistake, where it is, and a word of what is wrong.
    static let mistakes: [(String, String)] = [
        ("", "line 1, col 1: syntax error: unexpected end of input"),
        ("{}", "line 1, col 1: queries require at least one"),
        (#"{app=~".*"}"#, "line 1, col 1: queries require at least one"),
        (#"{app="web""#, #"line 1, col 11: syntax error: unexpected end of input, expecting "}""#),
        (#"{app=web}"#, "line 1, col 5: syntax error: unexpected"),
        (#"{app=~"("}"#, "line 1, col 7: invalid regular expression"),
        ("{app=\"web\"}\n| jsn", "line 2, col 3: syntax error: identifier \"jsn\" is no stage"),
        (#"{app="web"} |~ "[""#, "line 1, col 16: invalid regular expression"),
        (#"{app="web"} | regexp "x""#, "at least one named capture"),
        (#"{app="web"} | pattern "<a><b>""#, "found consecutive capture"),
        (#"{app="web"} | pattern "<_>""#, "at least one capture is required"),
        (#"{app="web"} |> "<a>""#, "named captures are not allowed"),
        (#"{app="web"} | json a="[""#, "is no path to a member"),
        (#"{app="web"} |= ip("1.2.3")"#, "is no address"),
        (#"{app="web"} |~ ip("1.2.3.4")"#, "only |= and != take addresses"),
        (#"{app="web"} | a > "x""#, "unexpected string"),
        (#"{app="web"} | label_format a=b,a=c"#, "multiple label name 'a' not allowed"),
        (#"{app="web"} | logfmt --fast"#, "logfmt has no flag"),
        (#"{app="web"}[5m]"#, #"col 12: syntax error: unexpected "[""#),
        (#"rate({app="web"})"#, "a range such as [5m] is missing"),
        (#"rate({app="web"}[5])"#, "expecting a duration"),
        (#"sum_over_time({app="web"}[5m])"#, "invalid aggregation sum_over_time without unwrap"),
        (
            #"count_over_time({app="web"} | unwrap x [5m])"#,
            "invalid aggregation count_over_time with"
        ),
        (#"sum_over_time({app="web"} | unwrap x [5m]) by (a)"#, "grouping not allowed"),
        (#"sum_over_time({app="web"} | unwrap hours(x) [5m])"#, "has no conversion"),
        (#"frobnicate({app="web"}[5m])"#, "unknown function \"frobnicate\""),
        (#"topk(rate({app="web"}[5m]))"#, "parameter required"),
        (#"rate({app="web"}[5m]) and 1"#, "both sides must be vectors"),
        (#"rate({app="web"}[5m]) + on (a) 1"#, "vector matching only allowed between vectors"),
        (#"rate({app="web"}[5m]) + bool 1"#, "bool modifier"),
        (#"{app="web"} |= "x"#, "line 1, col 16: unterminated quoted string"),
        (#"{app="web"} & "x""#, "col 13: unexpected character '&'"),
        (#"{app="web"} |= "#, "col 16: syntax error: unexpected end of input, expecting a string"),
        (#"{app="web"} |~ 5"#, "col 16: syntax error: unexpected number"),
        ("12parsecs", "is no number, duration or size"),
        (String(repeating: "(", count: 10_000), "nested deeper"),
        (#"{a="b"}"# + String(repeating: " |= \"x\"", count: 300), "more than 200 stages"),
        (#"{a="b"} | "# + String(repeating: "(", count: 5_000), "nested deeper"),
        (String(repeating: "vector(1)+", count: 500) + "vector(1)", "too many operators"),
    ]

    @Test(arguments: mistakes)
    func saysWhatIsWrongAndWhere(_ mistake: (String, String)) {
        let error = #expect(throws: QueryError.self) { try LogParser.parse(mistake.0) }
        #expect(error?.message.contains(mistake.1) == true, "\(error?.message ?? "")")
    }

    @Test func noTextCrashesTheParser() {
        var random = SeededRandom(seed: 11)
        let words =
            Self.queries.flatMap { $0.0.split(separator: " ").map(String.init) }
            + [
                "{", "}", "(", ")", "[", "]", "|", "\"", "`", "\\", "ip(", "or", "1e", "5m",
                "\u{0}",
            ]
        for _ in 0..<20_000 {
            var text = ""
            for _ in 0..<Int.random(in: 0..<12, using: &random) {
                text += words[Int.random(in: 0..<words.count, using: &random)]
                if Int.random(in: 0..<3, using: &random) > 0 { text += " " }
            }
            guard let parsed = try? LogParser.parse(text) else { continue }
            let printed = parsed.description
            #expect((try? LogParser.parse(printed)) == parsed, "\(text) -> \(printed)")
        }
    }
}

@Suite struct UnitTests {
    @Test func durations() {
        #expect(GoDuration.parse("1h30m") == 5_400_000_000_000)
        #expect(GoDuration.parse("1.5s") == 1_500_000_000)
        #expect(GoDuration.parse("100µs") == 100_000)
        #expect(GoDuration.parse("-2d") == -172_800_000_000_000)
        #expect(GoDuration.parse("5") == nil)
        #expect(GoDuration.parse("5 m") == nil)
        #expect(GoDuration.parse("") == nil)
        #expect(GoDuration.parse("999999999y") == nil)
        #expect(GoDuration.format(1_500_000) == "1.5ms")
        #expect(GoDuration.format(-5_400_000_000_000) == "-1h30m0s")
    }

    @Test func sizes() {
        #expect(ByteSize.parse("5KB") == 5_000)
        #expect(ByteSize.parse("5KiB") == 5_120)
        #expect(ByteSize.parse("1.5 mb") == 1_500_000)
        #expect(ByteSize.parse("42") == 42)
        #expect(ByteSize.parse("kb") == nil)
        #expect(ByteSize.parse("5 apples") == nil)
    }

    @Test func addresses() throws {
        let network = try #require(AddressRange("192.168.4.0/22"))
        #expect(network.matches("192.168.7.255".utf8))
        #expect(!network.matches("192.168.8.0".utf8))
        let range = try #require(AddressRange("10.0.0.5-10.0.1.2"))
        #expect(range.matches("10.0.1.0".utf8))
        #expect(!range.matches("10.0.1.3".utf8))
        #expect(AddressRange("2001:db8::/32")?.matches("2001:db8:1::2".utf8) == true)
        #expect(AddressRange("::1")?.matches("0:0:0:0:0:0:0:1".utf8) == true)
        #expect(AddressRange("::ffff:1.2.3.4") != nil)
        for bad in [
            "", "1.2.3", "1.2.3.256", "01.2.3.4", "::1::2", "1.2.3.4/33", "5.0.0.0-4.0.0.0", ":",
        ] {
            #expect(AddressRange(bad) == nil, "\(bad)")
        }
        func isFound(_ line: String) -> Bool {
            Array(line.utf8).withUnsafeBytes { network.isFound(in: $0) }
        }
        #expect(isFound("from 192.168.5.1:8080 to x"))
        #expect(isFound("[192.168.5.1]"))
        #expect(isFound("bye 192.168.5.1."))
        #expect(!isFound("192.168.5 1.2.3.4 at 12:30:11"))
    }

    @Test func patterns() throws {
        func captures(_ pattern: String, _ line: String) throws -> [String] {
            let pattern = try LinePattern(pattern, allowsNames: true)
            let bytes = Array(line.utf8)
            var result: [String] = []
            bytes.withUnsafeBytes { raw in
                pattern.forEachCapture(in: raw) { name, range in
                    result.append(name + "=" + String(decoding: raw[range], as: UTF8.self))
                }
            }
            return result
        }
        #expect(
            try captures(
                #"<ip> - - <_> "<method> <path> <_>" <status> <_>"#,
                #"1.2.3.4 - - [x y] "GET /a HTTP/1.1" 200 12"#)
                == ["ip=1.2.3.4", "method=GET", "path=/a", "status=200"])
        #expect(try captures("level=<level> ", "msg=x level=info ") == [])
        #expect(try captures("<_>level=<level> <_>", "msg=x level=info y") == ["level=info"])
        #expect(try captures("<a> - <b>", "no dash") == ["a=no dash"])
        func matches(_ pattern: String, _ line: String) throws -> Bool {
            let pattern = try LinePattern(pattern, allowsNames: false)
            return Array(line.utf8).withUnsafeBytes { pattern.matches($0) }
        }
        #expect(try matches("<_>level=debug<_>", "x level=debug y"))
        #expect(try !matches("<_>level=debug<_>", "level=debug y"))
        #expect(try matches("level=<_>", "level=debug"))
        #expect(try !matches("level=<_>", "a level=debug"))
        #expect(try matches("<_>x", "axbx"))
        #expect(try !matches("<_>x", "axb"))
        #expect(try matches("abc", "abc"))
        #expect(try !matches("abc", "abcd"))
    }
}
