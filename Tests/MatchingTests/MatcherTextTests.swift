// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import Testing

/// Matchers as people type them.
@Suite("Matchers as text")
struct MatcherTextTests {
    @Test("Quotation marks, braces and blanks are optional")
    func forms() throws {
        let expected = [
            Matcher("severity", .equal, "critical"), Matcher("name", .matches, "web.*"),
        ]
        for text in [
            "severity=critical,name=~web.*", "{severity=\"critical\", name=~\"web.*\"}",
            " severity = \"critical\" , name =~ web.* ,",
        ] {
            #expect(try MatcherText.parse(text) == expected, "\(text)")
        }
        #expect(try MatcherText.parse("a!=b") == [Matcher("a", .notEqual, "b")])
        #expect(try MatcherText.parse("a!~\"b|c\"") == [Matcher("a", .matchesNot, "b|c")])
        #expect(try MatcherText.parse("\"a b\"=\"\"") == [Matcher("a b", .equal, "")])
        #expect(try MatcherText.parse("{}") == [])
    }

    @Test("What is written is read back", arguments: ["", "a\"b", "a\\b", "a\nb\t,}", "ä"])
    func roundTrip(value: String) throws {
        let matchers = [Matcher("x", .equal, value), Matcher("y", .matchesNot, value)]
        #expect(try MatcherText.parse(MatcherText.render(matchers)) == matchers)
    }

    @Test(
        "What is no matcher is refused in a sentence",
        arguments: ["severity", "=x", "{a=b", "a=\"b", "a=\"b\" c=d", "a>b", "{\"a\"}"])
    func refused(text: String) {
        #expect(throws: MatcherText.Failure.self) { try MatcherText.parse(text) }
    }
}
