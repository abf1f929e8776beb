// SPDX-License-Identifier: Apache-2.0

import Model
import Pipeline
import TestSupport
import Testing

@Suite("What is done to lines") struct LinePipelineTests {
    /// The entries that become of lines a second apart, put together as the tailer does it.
    private func run(
        _ options: PipelineOptions, _ lines: [String], spacing: Int64 = 1_000_000_000
    ) throws -> [(text: String, level: LogLevel, time: Int64)] {
        let pipeline = try LinePipeline(options)
        var joined: [String] = []
        for line in lines {
            let continues = Array(line.utf8).withUnsafeBytes { pipeline.continues($0, .stdout) }
            if continues, let last = joined.popLast() {
                joined.append(last + "\n" + line)
            } else {
                joined.append(line)
            }
        }
        var batch = LogBatch()
        for (i, line) in joined.enumerated() {
            var line = line
            line.withUTF8 {
                batch.append(
                    .init($0), timestamp: Int64(i) * spacing, stream: .stdout, level: .unknown)
            }
        }
        var output = LogBatch()
        pipeline.apply(batch, into: &output)
        var at = 0
        return output.items.map { item in
            defer { at += item.length }
            let text = String(decoding: output.text[at..<(at + item.length)], as: UTF8.self)
            return (text, item.level, item.timestamp)
        }
    }

    @Test("Stack traces are one entry each", arguments: MultilinePreset.allCases)
    func traces(_ preset: MultilinePreset) throws {
        let trace: [String] =
            switch preset {
            case .java:
                [
                    "ERROR it failed", "java.lang.IllegalStateException: no",
                    "\tat a.B.c(B.java:1)", "Caused by: java.io.IOException: x",
                    "\tat d.E.f(E.java:2)", "\t... 3 more",
                ]
            case .python:
                [
                    "ERROR it failed", "Traceback (most recent call last):",
                    "  File \"a.py\", line 1, in f", "    g()", "ValueError: no", "",
                    "During handling of the above exception, another exception occurred:", "",
                    "Traceback (most recent call last):", "  File \"a.py\", line 3, in h",
                    "KeyError: 'x'",
                ]
            case .go:
                [
                    "panic: no", "", "goroutine 1 [running]:", "main.main()",
                    "\t/src/main.go:4 +0x1d", "exit status 2",
                ]
            case .node:
                ["Error: no", "    at f (a.js:1:2)", "    at g (a.js:3:4) {", "  code: 'X'", "}"]
            case .ruby:
                ["a.rb:1:in `f': no (RuntimeError)", "\tfrom a.rb:2:in `g'"]
            }
        var options = PipelineOptions()
        options.multiline = .preset(preset)
        let result = try run(options, ["before"] + trace + ["after", "again"]).map(\.text)
        #expect(result.first == "before")
        #expect(result.suffix(2) == ["after", "again"])
        // Java's exception without a heading of its own begins an entry.
        let expected = preset == .java ? 2 : 1
        #expect(result.count == 3 + expected, "\(result)")
    }

    @Test("First lines are told by an expression")
    func firstLine() throws {
        var options = PipelineOptions()
        options.multiline = .firstLine(#"^\d{4}-"#)
        let result = try run(options, ["2026-01 a", "b", "", "c", "2026-02 d"])
        #expect(result.map(\.text) == ["2026-01 a\nb\n\nc", "2026-02 d"])
    }

    @Test("Level, time and message come from the fields")
    func fields() throws {
        var options = PipelineOptions()
        options.parser = .json
        options.level = .field("severity")
        options.timestamp = "ts"
        options.message = "http.msg"
        let json = #"{"severity":50,"ts":"2026-01-31T10:00:00.5Z","http":{"msg":"a\"b"}}"#
        let result = try run(options, [json, "no json"])
        #expect(result[0] == ("a\"b", .error, 1_769_853_600_500_000_000))
        #expect(result[1].text == "no json")

        options = PipelineOptions()
        options.parser = .logfmt
        options.timestamp = "t"
        options.level = .field("lvl")
        #expect(
            try run(options, [#"t=1769853600 lvl=warn msg="x y""#])[0].time
                == 1_769_853_600_000_000_000)

        options = PipelineOptions()
        options.parser = .access
        options.timestamp = "time"
        let access =
            #"1.2.3.4 - - [31/Jan/2026:11:00:00 +0100] "GET / HTTP/1.1" 503 12 "-" "curl""#
        let entry = try run(options, [access])[0]
        #expect(entry.level == .error && entry.time == 1_769_853_600_000_000_000)

        options.parser = .pattern("<_> [<level>] <msg>")
        options.level = .field("level")
        options.timestamp = nil
        options.message = "msg"
        let pattern = try run(options, ["x [warn] hello [there]"])[0]
        #expect(pattern.text == "hello [there]" && pattern.level == .warning)
    }

    @Test("Lines are kept and dropped; over the limit they are left out and counted")
    func dropping() throws {
        var options = PipelineOptions()
        options.keep = ["a", "b"]
        options.drop = ["healthz"]
        #expect(try run(options, ["a", "c", "b healthz", "b"]).map(\.text) == ["a", "b"])
        options = PipelineOptions()
        options.rateLimit = 10
        let lines = (0..<1300).map { "line \($0)" }
        // 100 a second for 13 seconds: a burst of ten, then ten a second, and word of the others.
        let result = try run(options, lines, spacing: 10_000_000).map(\.text)
        #expect((130...145).contains(result.count { $0.hasPrefix("line") }))
        #expect(result.contains { $0.contains("lines over the limit of 10 a second") })
    }

    @Test("Secrets are made unreadable, and nothing else is")
    func redaction() throws {
        var options = PipelineOptions()
        options.redact = ["cards", "tokens", "keys", "emails", "ssn-[0-9]+"]
        let lines = [
            "paid with 4111 1111 1111 1111 ok": "paid with [redacted] ok",
            "order 4111111111111112 id": "order 4111111111111112 id",
            "Authorization: Bearer abcdefgh12345678": "Authorization: Bearer [redacted]",
            #"{"password":"hun\"ter2","user":"ann"}"#: #"{"password":"[redacted]","user":"ann"}"#,
            "db=postgres://ann:s3cret@db/x": "db=postgres://ann:[redacted]@db/x",
            "mail to a.b@example.org now": "mail to [redacted] now",
            "AKIAIOSFODNN7EXAMPLE used": "[redacted] used",
            "ssn-12345": "[redacted]", "token count is fine": "token count is fine",
        ]
        for (line, expected) in lines { #expect(try run(options, [line])[0].text == expected) }
    }

    @Test("Any bytes pass through every stage")
    func fuzz() throws {
        var random = SeededRandom(seed: 3)
        let letters = Array("{}[]\":,=\\ \n\t\u{0}\u{ff}a1-/@.".utf8)
        for parser: PipelineOptions.Parser in [.json, .logfmt, .access, .pattern("<a> <b>")] {
            var options = PipelineOptions()
            options.parser = parser
            options.timestamp = "a"
            options.level = .field("a")
            options.message = "b"
            options.redact = ["cards", "tokens", "keys", "emails"]
            options.multiline = .preset(.python)
            let pipeline = try LinePipeline(options)
            for _ in 0..<500 {
                let count = Int.random(in: 0..<80, using: &random)
                let line = (0..<count).map { _ in letters.randomElement(using: &random) ?? 0 }
                _ = pipeline.explain(line, time: 1)
            }
        }
        #expect(throws: (any Error).self) {
            var options = PipelineOptions()
            options.drop = ["("]
            _ = try LinePipeline(options)
        }
    }
}
