// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Matching

@Suite("Patterns")
struct PatternTests {
    @Test(
        "What needs no regular expression is known for it",
        arguments: [
            ("a|b|c", .oneOf(["a", "b", "c"])), ("(a|b)", .oneOf(["a", "b"])),
            ("(?:a|b)", .oneOf(["a", "b"])), ("", .oneOf([""])), ("a|", .oneOf(["a", ""])),
            ("a\\.b", .oneOf(["a.b"])), (".*", .anything), (".+", .something),
            ("abc.*", .prefix(Array("abc".utf8))), (".*abc", .suffix(Array("abc".utf8))),
            (".*a\\.c.*", .contains(Array("a.c".utf8))), ("a\\.*", .general), ("a\\d", .general),
            ("(a)|(b)", .general), ("a.c", .general), ("a?", .general), ("\\Qa\\E", .general),
            ("(?i)a", .general),
        ] as [(String, PatternShape)])
    func shapes(source: String, shape: PatternShape) { #expect(PatternShape(source) == shape) }

    @Test("A shape says what RE2 says")
    func agreement() throws {
        let sources = [
            "a|b", "(ab|cd)", "x.*", ".*x", ".*x.*", ".+", ".*", "a\\.b", "a\\+|b", "", "a|", "é.*",
        ]
        let texts = [
            "", "a", "b", "ab", "cd", "x", "xy", "yx", "yxy", "a.b", "axb", "a+", "é", "éa", "\n",
            "x\n",
        ]
        for source in sources {
            // A group more, so that the regular expression is used.
            let regular = try Pattern("(?:(?:\(source))){1}")
            let pattern = try Pattern(source)
            for text in texts {
                #expect(pattern.matches(text) == regular.matches(text), "\(source) on \(text)")
            }
        }
    }

    @Test("Matchers list the values a label may have")
    func candidates() throws {
        let matchers = try CompiledMatchers([
            Matcher("a", .matches, "x|y"), Matcher("a", .notEqual, "z"),
            Matcher("b", .equal, "1"), Matcher("c", .matches, "1.*"), Matcher("a", .matches, "y|z"),
        ])
        #expect(matchers.candidates(for: "a") == ["y"])
        #expect(matchers.candidates(for: "b") == ["1"])
        #expect(matchers.candidates(for: "c") == nil)
        #expect(matchers.candidates(for: "d") == nil)
    }

    @Test("A broken or huge expression is refused in words")
    func refusals() {
        #expect(throws: PatternError.self) { try Pattern("(") }
        #expect(throws: PatternError.self) {
            try Pattern("((((((a{1,100}){1,100}){1,100}){1,100})))")
        }
    }

    @Test("Groups are found where they matched")
    func groups() throws {
        let pattern = try Pattern("(?P<first>a+)(b)?")
        let groups = try #require(pattern.groups(in: Array("aa".utf8)))
        #expect(groups == [0..<2, 0..<2, nil])
        #expect(pattern.group(named: "first") == 1)
        #expect(pattern.groups(in: Array("ac".utf8)) == nil)
        #expect(try Pattern("()").groups(in: []) == [0..<0, 0..<0])
    }
}
