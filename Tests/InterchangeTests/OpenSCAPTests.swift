// SPDX-License-Identifier: Apache-2.0

import Codecs
import Interchange
import TestSupport
import Testing

@Suite("OpenSCAP results")
struct OpenSCAPTests {
    private static let document = """
        <?xml version="1.0" encoding="UTF-8"?>
        <!-- a scan -->
        <arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1">
         <Benchmark id="b"><Group><Rule id="r1" selected="true"><title>No &lt;empty&gt; passwords</title>
         <description>x<br/>y</description></Rule>
         <Rule id="r2"><title><![CDATA[Mount /tmp & co]]></title></Rule></Group></Benchmark>
         <xccdf:TestResult id="t" end-time="2026-01-31T12:00:00">
          <profile idref="xccdf_profile_standard"/>
          <target>web&#x2d;1</target>
          <rule-result idref="r1" severity="high"><result>fail</result><check system="oval"/></rule-result>
          <rule-result idref="r2" severity='low'><result>pass</result></rule-result>
          <rule-result idref="r3"><result>notselected</result></rule-result>
          <score system="urn:xccdf:scoring:default" maximum="100">42.5</score>
         </xccdf:TestResult>
        </arf:asset-report-collection>
        """

    @Test("Rules, titles, profile and score are read from an ARF")
    func arf() throws {
        let results = try OpenSCAPResults(Array(Self.document.utf8))
        #expect(results.profile == "xccdf_profile_standard")
        #expect(results.target == "web-1")
        #expect(results.score == 42.5 && results.maximumScore == 100)
        #expect(results.counts == ["fail": 1, "pass": 1])
        #expect(results.rules[0].title == "No <empty> passwords")
        #expect(results.rules[0].severity == "high")
        #expect(results.rules[1].title == "Mount /tmp & co")
    }

    @Test(
        "What is no result is refused with the reason and the line",
        arguments: [
            ("<a>\n<b></a>", "line 2: </a> closes nothing"), ("<a/>", "there is no TestResult"),
            ("<!DOCTYPE a [<!ENTITY x \"y\">]><a/>", "line 1: a document type is not accepted"),
            ("<a b=c/>", "line 1: an attribute's value is not quoted"),
            ("<a", "line 1: a tag is not closed"),
            ("<a>", "line 1: the document ends within a"),
        ])
    func refused(_ text: String, _ reason: String) {
        let error = #expect(throws: XMLReader.Failure.self) {
            _ = try OpenSCAPResults(Array(text.utf8))
        }
        #expect(error?.description.hasPrefix(reason) == true, "\(error?.description ?? "")")
    }

    @Test("Deep, long and broken documents end in an error, never in a crash")
    func hostile() {
        var random = SeededRandom(seed: 7)
        let deep = String(repeating: "<a>", count: 100_000)
        #expect(throws: XMLReader.Failure.self) { _ = try OpenSCAPResults(Array(deep.utf8)) }
        for _ in 0..<3000 {
            var bytes = Array(Self.document.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            _ = try? OpenSCAPResults(bytes)
        }
    }
}
