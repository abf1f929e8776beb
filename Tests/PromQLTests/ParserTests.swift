// SPDX-License-Identifier: Apache-2.0

import Foundation
import PromQL
import Testing

@Suite("Parsing")
struct ParserTests {
    private func message(_ text: String) -> String? {
        do {
            _ = try Parser.parse(text)
            return nil
        } catch { return error.message }
    }

    @Test(
        "Errors name their place and what was expected",
        arguments: [
            ("", "1:1: parse error: no expression found in input"),
            ("m{", "1:3: parse error: unexpected end of input inside braces"),
            ("m +", "1:4: parse error: unexpected end of input"),
            ("foo(m[1m])", "1:1: parse error: unknown function with name \"foo\""),
            ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
            (
                "sum(rate(m))",
                "1:10: parse error: expected type range vector in call to function \"rate\", got "
                    + "instant vector"
            ),
            ("abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"),
            ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
            (
                "m + bool n",
                "1:5: parse error: bool modifier can only be used on comparison operators"
            ),
            (
                "m and 1",
                "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"
            ),
            ("(m", "1:3: parse error: unclosed left parenthesis"),
            ("m)", "1:2: parse error: unexpected right parenthesis ')'"),
            (
                "m[5m] offset",
                "1:13: parse error: unexpected end of input in duration expression, expected duration"
            ),
            ("m[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors"),
            ("m[0s]", "1:3: parse error: duration must be greater than 0"),
            ("m[5m", "1:5: parse error: unexpected end of input in subquery or range"),
            ("'abc", "1:1: parse error: unterminated quoted string"),
            ("m\n  + ~", "2:5: parse error: unexpected character: '~'"),
            (
                "sum(1)",
                "1:5: parse error: expected type instant vector in aggregation expression, got scalar"
            ),
            (
                "topk(m)",
                "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"
            ),
            ("m{a=~\"(\"}", "1:1: parse error: invalid regular expression `(`: missing ): ("),
            (
                "a + on(x) group_left(x) b",
                "1:1: parse error: label \"x\" must not occur in ON and GROUP clause at once"
            ),
            ("m offset 5m offset 5m", "1:13: parse error: offset may not be set multiple times"),
            (
                "-\"a\"",
                "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""
            ),
        ])
    func errors(text: String, expected: String) { #expect(message(text) == expected) }

    @Test(
        "An expression prints as Prometheus prints it",
        arguments: [
            ("sum by(a,b)(rate(x[5m]))", "sum by (a, b) (rate(x[5m]))"),
            ("sum(x)without(a)", "sum without (a) (x)"),
            ("a+on(x)group_left(y)b", "a + on (x) group_left (y) b"),
            ("a>bool b", "a > bool b"),
            ("x{b!=\"1\",a=\"2\"}", "x{a=\"2\",b!=\"1\"}"),
            ("{\"my.metric\",\"my label\"=~\"a\"}", "{\"my.metric\",\"my label\"=~\"a\"}"),
            ("x[90s] offset -5m @ 1.5", "x[1m30s] @ 1.500 offset -5m"),
            ("max_over_time(x[1h:5m] @ end())", "max_over_time(x[1h:5m] @ end())"),
            ("1e3", "1000"), ("-2 ^ 2", "-2 ^ 2"), ("0x1F", "31"), ("1_000", "1000"), ("2m", "2m"),
            ("topk(3,x)", "topk(3, x)"), ("'a\\'b'", "\"a'b\""),
            ("x[step()+1m]", "x[step() + 1m]"),
        ])
    func printing(text: String, expected: String) throws {
        let printed = try Parser.parse(text).description
        #expect(printed == expected)
        #expect(try Parser.parse(printed).description == printed)
    }

    @Test("A long expression is broken into lines that mean the same")
    func pretty() throws {
        let text =
            "histogram_quantile(0.9, sum by (le, container_label_com_docker_compose_service) "
            + "(rate(http_request_duration_seconds_bucket{job=\"api\"}[5m])))"
        let expression = try Parser.parse(text)
        #expect(
            expression.pretty() == """
                histogram_quantile(
                  0.9,
                  sum by (le, container_label_com_docker_compose_service) (
                    rate(http_request_duration_seconds_bucket{job="api"}[5m])
                  )
                )
                """)
        #expect(try Parser.parse(expression.pretty()).description == expression.description)
    }

    @Test(
        "Nesting and chains without end are refused, not followed",
        arguments: [
            String(repeating: "(", count: 100_000),
            String(repeating: "-", count: 100_000) + "1",
            String(repeating: "sum(", count: 5000) + "x" + String(repeating: ")", count: 5000),
            "1" + String(repeating: "+1", count: 50_000),
            "1" + String(repeating: "^1", count: 50_000),
            "x" + String(repeating: "[1m:]", count: 5000),
            "x[" + String(repeating: "(", count: 50_000),
            "x offset " + String(repeating: "-", count: 50_000) + "1",
            "x{" + String(repeating: "a=\"b\",", count: 50_000),
        ])
    func depth(text: String) { #expect(message(text) != nil) }

    /// A generator of the same numbers each time (SplitMix64).
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }

    @Test("Random and mutated text never crashes; what parses prints to what parses the same")
    func fuzz() throws {
        var random = Seeded(state: 42)
        let pieces = [
            "m", "{", "}", "(", ")", "[", "]", "5m", "1e9", "\"x\"", "=~", "=", ",", "rate", "\\",
            "é", "#", "'", "by", "sum", "offset", "@", "start()", "-", "+", "^", "or", "bool", ":",
            " ", "\n", "0x", "_", "on", "group_left", "topk", "a", "step", "min_of", "`", "\u{0}",
        ]
        let valid = [
            "sum by (a) (rate(m{a=~\"x|y\"}[5m:1m] offset -1h)) / on (a) group_left (b) n > bool 3",
            "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m] @ end())))",
            "label_replace(m, \"a\", \"$1\", \"b\", \"(.*)\") unless ignoring (c) -n ^ 2",
        ]
        for round in 0..<6000 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 0...14, using: &random))
                    .flatMap { _ in Array((pieces.randomElement(using: &random) ?? "").utf8) }
            } else {
                bytes = Array((valid.randomElement(using: &random) ?? "").utf8)
                for _ in 0...Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                    let at = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.remove(at: at)
                    default: bytes.insert(bytes[at], at: at)
                    }
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let parsed = try? Parser.parse(text) else { continue }
            let printed = parsed.description
            let again = try Parser.parse(printed)
            #expect(again.description == printed, "\(text)")
        }
    }
}
