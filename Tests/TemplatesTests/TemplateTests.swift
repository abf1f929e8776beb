// SPDX-License-Identifier: Apache-2.0

import Model
import Templates
import TestSupport
import Testing

@Suite("Templates")
struct TemplateTests {
    private let labels: Labels = ["__name__": "up", "instance": "h.example.com:9100", "job": "j"]

    private func expand(_ text: String) -> String {
        let samples = [TemplateSample(labels: labels, value: 1)]
        let environment = TemplateEnvironment(now: 120_000, externalURL: "http://h/p") { query in
            query == "up" ? samples : []
        }
        let data = TemplateData(
            labels: labels, externalLabels: ["host": "a"], externalURL: "http://h/p",
            value: 1_234_567.5)
        do throws(TemplateError) {
            return try Template.alert(text, alert: "A").expand(data, environment)
        } catch { return "error: \(error)" }
    }

    @Test(
        "Values, functions and control structures",
        arguments: [
            ("plain", "plain"),
            ("{{ $labels.job }} {{ .Labels.none }}|{{ $externalLabels.host }}", "j |a"),
            (
                "{{ $value }} {{ humanize $value }} {{ humanize1024 $value }}",
                "1.2345675e+06 1.235M 1.177Mi"
            ),
            ("{{ humanizeDuration 93784 }} {{ humanizePercentage 0.1234 }}", "1d 2h 3m 4s 12.34%"),
            ("{{ humanizeTimestamp 0.5 }}", "1970-01-01 00:00:00.5 +0000 UTC"),
            ("{{ range $i, $s := query \"up\" }}{{ $i }}:{{ $s.Labels.job }}{{ end }}", "0:j"),
            ("{{ range query \"none\" }}x{{ else }}nothing{{ end }}", "nothing"),
            ("{{ with query \"up\" }}{{ . | first | value }}{{ end }}", "1"),
            ("{{ if and (gt $value 1.0) (eq $labels.job \"j\" \"k\") }}a{{ else }}b{{ end }}", "a"),
            ("a {{- \" b \" -}} c{{/* gone */}}", "a b c"),
            ("{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" 5 }}", "<5>"),
            ("{{ $x := 1 }}{{ range $labels }}{{ $x = . }}{{ end }}{{ $x }}", "j"),
            ("{{ printf \"%05.1f|%-4s|%q|%x\" 2.25 \"a\" \"b\" 255 }}", "002.2|a   |\"b\"|ff"),
            ("{{ $labels.instance | stripPort | stripDomain | toUpper | title }}", "H"),
            (
                "{{ reReplaceAll \"([a-z]+)\\\\.\" \"$1-\" \"a.b.c\" }} {{ match \"^a\" \"ab\" }}",
                "a-b-c true"
            ),
            (
                "{{ externalURL }}{{ pathPrefix }}{{ graphLink \"up\" }}",
                "http://h/p/p/graph?g0.expr=up&g0.tab=0"
            ),
            (
                "{{ (toTime 0).Format \"2006-01-02 Mon\" }} {{ parseDuration \"1h\" }}",
                "1970-01-01 Thu 3600"
            ),
        ])
    func expansion(_ template: String, _ expected: String) {
        #expect(expand(template) == expected)
    }

    @Test(
        "What is wrong is said in Prometheus' words",
        arguments: [
            ("{{ $x }}", "template: __alert_A:1: undefined variable \"$x\""),
            ("{{ nope }}", "function \"nope\" not defined"),
            ("{{ if true }}", "unexpected EOF"),
            (
                "\n{{ .Foo }}",
                "__alert_A:2:3: executing \"__alert_A\" at <.Foo>: can't evaluate field"
            ),
            ("{{ gt $value 1 }}", "incompatible types for comparison"),
            ("{{ first (query \"none\") }}", "first() called on vector with no elements"),
            ("{{ toUpper 5 }}", "expected string; found 5"),
            ("{{ humanize }}", "wrong number of args for humanize: want 1 got 0"),
        ])
    func errors(_ template: String, _ expected: String) {
        #expect(expand(template).contains(expected), "\(expand(template))")
    }

    @Test("A template cannot run for ever, fill the memory or the stack")
    func bounds() {
        #expect(
            expand("{{ define \"r\" }}{{ template \"r\" }}{{ end }}{{ template \"r\" }}").contains(
                "depth"))
        let loops = String(repeating: "{{ range 1000 }}", count: 5)
        let ends = String(repeating: "{{ end }}", count: 5)
        #expect(expand(loops + ends).contains("steps"))
        let text = String(repeating: "x", count: 2000)
        #expect(expand("{{ range 1000 }}\(text){{ end }}").contains("bytes of output"))
        #expect(
            expand("{{ $x := \"\(text)\" }}{{ range 20000 }}{{ $y := print $x $x }}{{ end }}")
                .contains("bytes"))
        #expect(expand(String(repeating: "{{ if 1 }}", count: 5000)).contains("depth"))
        #expect(expand("{{ " + String(repeating: "(", count: 5000)).contains("error"))
    }

    @Test("Mutated templates never crash")
    func fuzz() {
        var random = SeededRandom(seed: 9)
        let base = Array(
            "{{ range $i, $x := query \"up\" }}{{ printf \"%5.2f\" (value $x) | len }}{{ end }}"
                .utf8)
        let pieces = Array("{}()$.|\"'`:=- /*%\\x01nilrangeendif".utf8)
        for _ in 0..<3000 {
            var bytes = base
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] =
                    pieces.randomElement(using: &random) ?? 0
            }
            _ = expand(String(decoding: bytes, as: UTF8.self))
        }
    }
}
