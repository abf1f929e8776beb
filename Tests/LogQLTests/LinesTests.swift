// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import TestSupport
import Testing

@testable import LogQL

@Suite struct LinesTests {
    private static let access = #"10.1.2.3 - - [x] "GET /cart?id=1 HTTP/1.1" 502 81"#
    private static let json =
        #"{"level":"error","took":"1.5s","size":"2KB","n":3,"req":{"path":"/a b","h":{"x-y":"z"}},"list":[1,"two"],"level2":null}"#
    private static let logfmt = #"ts=1 msg="he said \"hi\"" took=250ms err code=7 bad"key=1"#

    private func filled() throws -> FilledStore {
        let store = try FilledStore()
        try store.add([(1, Self.access), (2, "plain text"), (3, Self.json)], of: "web")
        try store.add([(4, Self.logfmt)], of: "web", .stderr, .error)
        try store.add([(5, "other plain"), (6, "\u{1b}[31mred\u{1b}[0m text")], of: "db")
        return store
    }

    @Test func selectorsSeeNamesOutputsLevelsAndLabels() throws {
        let store = try filled()
        #expect(try store.texts(#"{container="web"}"#).count == 4)
        #expect(try store.texts(#"{container=~"w.*|db", stream="stderr"}"#) == [Self.logfmt])
        #expect(try store.texts(#"{level="error"}"#) == [Self.logfmt])
        #expect(try store.texts(#"{container="web", level!="error"}"#).count == 3)
        #expect(try store.texts(#"{com_docker_compose_service="db"}"#).count == 2)
        #expect(try store.texts(#"{container="nobody"}"#) == [])
        // The id, the name and the container's own labels select, and are not shown.
        #expect(try store.texts(#"{id="id-db", name=~".+"}"#).count == 2)
        #expect(
            try store.lines(#"{com_docker_compose_project="shop", container="db"}"#)[0].labels
                == [
                    "container": "db", "container_id": "id-db", "detected_level": "unknown",
                    "engine": "docker", "image": "image-db", "level": "unknown",
                    "service_name": "db",
                    "stream": "stdout",
                ])
    }

    @Test func limitDirectionAndTimes() throws {
        let store = try filled()
        let all = #"{engine="docker"}"#
        #expect(try store.texts(all) { $0.limit = 2 } == [Self.access, "plain text"])
        #expect(
            try store.texts(all) {
                $0.limit = 2
                $0.isForward = false
            } == ["\u{1b}[31mred\u{1b}[0m text", "other plain"])
        // The start is included, the end is not.
        #expect(
            try store.texts(all) {
                $0.start = 2 * FilledStore.second
                $0.end = 4 * FilledStore.second
            } == ["plain text", Self.json])
        #expect(try store.texts(all) { $0.interval = 10 * FilledStore.second }.count == 3)
    }

    @Test func lineFilters() throws {
        let store = try filled()
        func count(_ filter: String) throws -> Int {
            try store.texts(#"{engine="docker"} "# + filter).count
        }
        #expect(try count(#"|= "plain""#) == 2)
        #expect(try count(#"|= "plain" != "other""#) == 1)
        #expect(try count(#"|= "other" or "red""#) == 2)
        #expect(try count(#"!= "plain" or "GET""#) == 3)
        #expect(try count(#"|~ "(?i)PLAIN""#) == 2)
        #expect(try count(#"|~ "GET" or "^plain""#) == 2)
        #expect(try count(#"!~ "plain|GET""#) == 3)
        #expect(try count(#"|= """#) == 6)
        #expect(try count(#"|> "<_> - - <_>""#) == 1)
        #expect(try count(#"|> "plain <_>""#) == 1)
        #expect(try count(#"!> "<_>plain""#) == 5)
        #expect(try count(#"|= ip("10.0.0.0/8")"#) == 1)
        #expect(try count(#"|= ip("10.0.0.0/8") or "text""#) == 3)
        #expect(try count(#"!= ip("10.1.2.3")"#) == 5)
    }

    private func labels(_ query: String) throws -> Labels {
        let store = try filled()
        return try #require(try store.lines(query).first).labels
    }

    @Test func jsonMakesLabels() throws {
        let all = try labels(#"{container="web"} |= "req" | json"#)
        #expect(all["level_extracted"] == "error")
        #expect(all["n"] == "3")
        #expect(all["req_path"] == "/a b")
        #expect(all["req_h_x_y"] == "z")
        #expect(all["list"] == "")
        #expect(all["__error__"] == "")
        let some = try labels(
            #"{container="web"} |= "req" | json p="req.path", x="req.h[\"x-y\"]", l="list[1]", o="req.h", none="a.b""#
        )
        #expect(some["p"] == "/a b")
        #expect(some["x"] == "z")
        #expect(some["l"] == "two")
        #expect(some["o"] == #"{"x-y":"z"}"#)
        #expect(some["none"] == "" && some["n"] == "")
        #expect(try labels(#"{container="web"} |= "plain" | json"#)["__error__"] == "JSONParserErr")
    }

    @Test func logfmtMakesLabels() throws {
        let all = try labels(#"{container="web"} |= "he said" | logfmt"#)
        #expect(all["msg"] == #"he said "hi""#)
        #expect(all["took"] == "250ms")
        #expect(all["err"] == "" && all["__error__"] == "")
        let strict = try labels(#"{container="web"} |= "he said" | logfmt --strict"#)
        #expect(strict["__error__"] == "LogfmtParserErr")
        #expect(strict["code"] == "7")
        let some = try labels(#"{container="web"} |= "he said" | logfmt c="code", took"#)
        #expect(some["c"] == "7" && some["took"] == "250ms" && some["msg"] == "")
    }

    @Test func patternsAndExpressionsMakeLabels() throws {
        let pattern = try labels(
            #"{container="web"} | pattern "<ip> - - <_> \"<method> <uri> <_>\" <status> <size>" | status>=500"#
        )
        #expect(pattern["ip"] == "10.1.2.3")
        #expect(pattern["uri"] == "/cart?id=1")
        #expect(pattern["size"] == "81")
        let expression = try labels(
            #"{container="web"} |= "GET" | regexp "(?P<m>GET|PUT) (?P<p>\\S+)""#)
        #expect(expression["m"] == "GET" && expression["p"] == "/cart?id=1")
    }

    @Test func conditionsOnLabels() throws {
        let store = try filled()
        func count(_ condition: String) throws -> Int {
            try store.texts(#"{container="web"} |= "req" | json | "# + condition).count
        }
        #expect(try count("n=3") == 1)
        #expect(try count("n>3") == 0)
        #expect(try count("took>1s and took<=1500ms") == 1)
        #expect(try count("size>=2KB, size<2KiB") == 1)
        #expect(try count(#"req_path="/a b""#) == 1)
        #expect(try count(#"req_path!~"/a.*""#) == 0)
        #expect(try count(#"n>5 or (n>=3 and took!=1s)"#) == 1)
        #expect(try count(#"missing>1"#) == 0)
        #expect(try count(#"missing="""#) == 1)
        // What is no number stays, with an error.
        let odd = try labels(#"{container="web"} |= "req" | json | req_path > 5"#)
        #expect(odd["__error__"] == "LabelFilterErr")
        #expect(try count(#"req_path > 5 | __error__="""#) == 0)
        #expect(
            try store.texts(
                #"{container="web"} | pattern "<ip> <_>" | ip=ip("10.0.0.0-10.255.0.0")"#)
                == [Self.access])
    }

    @Test func labelsAndLinesAreChanged() throws {
        let renamed = try labels(
            #"{container="web"} |= "req" | json | label_format path=req_path, k="v""#)
        #expect(renamed["path"] == "/a b" && renamed["req_path"] == "" && renamed["k"] == "v")
        let dropped = try labels(#"{container="web"} |= "req" | json | drop n, level, took="2s""#)
        #expect(dropped["n"] == "" && dropped["level"] == "" && dropped["took"] == "1.5s")
        let kept = try labels(
            #"{container="web"} |= "req" | json | keep n, container="web", took="x""#)
        #expect(kept == ["container": "web", "n": "3"])
        let store = try filled()
        #expect(try store.texts(#"{container="db"} |= "red" | decolorize"#) == ["red text"])
        #expect(try store.texts(#"{container="db"} |= "red" | line_format "x" |= "x""#) == ["x"])
        #expect(try store.texts(#"{container="db"} |= "red" | line_format "x" |= "red""#) == [])
        try store.add([(7, #"{"_entry":"the line","pod":"p1","n":1}"#)], of: "packed")
        let packed = try store.lines(#"{container="packed"} | unpack | pod="p1""#)
        #expect(packed.map(\.text) == ["the line"])
        #expect(packed[0].labels["n"] == "")
    }

    @Test(arguments: [
        (#"{{.n}}-{{.none}}|"#, "3-|"),
        (#"{{.req_path | ToUpper | trunc 2}}"#, "/A"),
        (#"{{ if eq .n "3" }}three{{ else }}other{{ end }}"#, "three"),
        (
            #"{{ add .n 4 | mul 2 }} {{ div 7 2 }} {{ addf 1.5 2 }} {{ round 1.26 1 }}"#,
            "14 3 3.5 1.3"
        ),
        (#"{{ __line__ | len }} {{ __timestamp__ | unixEpoch }}"#, "119 3"),
        (#"{{ .took | duration }} {{ bytes .size }}"#, "1.5 2000"),
        (#"{{ Replace .req_path "/" ":" -1 }} {{ .req_path | replace " " "_" }}"#, ":a b /a_b"),
        (#"{{ regexReplaceAll "(.) (.)" .req_path "${2}${1}" }}"#, "/ba"),
        (#"{{ alignLeft 4 .n }}|{{ alignRight 4 .n }}|{{ substr 0 2 .took }}"#, "3   |   3|1."),
        (#"{{ default "d" .none }} {{ .none | default "e" }} {{ count "s" "lesson" }}"#, "d e 2"),
        (
            #"{{ b64enc .took }} {{ "MS41cw==" | b64dec }} {{ urlencode .req_path }}"#,
            "MS41cw== 1.5s %2Fa+b"
        ),
        (#"{{ date "2006-01-02" (unixToTime "1700000000") }}"#, "2023-11-14"),
        (#"{{ toDate "2006-01-02" "2021-11-02" | date "02/01/06" }}"#, "02/11/21"),
        (
            #"{{ toDate "Mon, 2 Jan 2006 3:04:05 PM -0700" "Tue, 2 Nov 2021 7:05:09 AM +0130" }}"#,
            "2021-11-02 05:35:09 +0000 UTC"
        ),
        (
            #"{{ toDate "2006-01-02T15:04:05Z07:00" "2021-11-02T07:05:09.25Z" | unixEpochMillis }}"#,
            "1635836709250"
        ),
        (
            #"{{ toDate "2006-01-02 15:04:05.000" "2024-02-29 23:59:59.999" | unixEpochMillis }}"#,
            "1709251199999"
        ),
        (#"{{ toDate "2006-01-02" "2023-02-29" | unixEpoch }}"#, "-62135596800"),
        (#"{{ toDate "2006-01-02" "2023-02-28 " | unixEpoch }}"#, "-62135596800"),
        (
            #"{{ trimPrefix "1." .took }} {{ .took | TrimSuffix "s" }} {{ contains "a" .req_path }}"#,
            "5s s true"
        ),
        (
            #"{{ range fromJson "[{\"a\":1},{\"a\":2.5}]" }}<{{ .a }}>{{ end }}"#,
            "<1><2.5>"
        ),
        (#"{{ index (fromJson __line__) "n" }} {{ len (fromJson "[1,[],null]") }}"#, "3 3"),
        (#"{{ range $i, $c := .n }}x{{ end }}"#, nil),
    ])
    func templates(_ template: (String, String?)) throws {
        let store = try filled()
        let lines = try store.lines(
            "{container=\"web\"} |= `req` | json | line_format `\(template.0)`")
        if let expected = template.1 {
            #expect(lines.map(\.text) == [expected])
            #expect(lines[0].labels["__error__"] == "")
        } else {
            #expect(lines[0].labels["__error__"] == "TemplateFormatErr")
        }
    }

    @Test func templatesMakeLabels() throws {
        let made = try labels(
            #"{container="web"} |= "req" | json | label_format both="{{.n}}:{{.took}}", n="x{{.n}}""#
        )
        #expect(made["both"] == "3:1.5s" && made["n"] == "x3")
        for bad in ["{{", "{{.n", "{{frob}}", "{{query \"up\"}}", "{{end}}"] {
            #expect(throws: QueryError.self, "\(bad)") {
                try LogParser.parse("{container=\"web\"} | line_format `\(bad)`")
            }
        }
    }

    @Test func gapsAreShownAsLines() throws {
        let store = try filled()
        try store.add([(7, "3 lines are missing")], of: "db", .stderr, isGap: true)
        let lines = try store.lines(#"{container="db"} |= "missing""#)
        #expect(lines.count == 1 && lines[0].labels["gap"] == "true")
        #expect(try store.texts(#"{container="db"} |= "plain""#) == ["other plain"])
        #expect(
            try store.vector(#"sum(count_over_time({container="db"}[1m]))"#, at: 10) == ["{}": 2])
    }

    @Test func labelsHaveAnOrigin() throws {
        let store = try filled()
        var request = LineRequest(start: 0, end: 100 * FilledStore.second)
        request.limit = 10
        let result = try store.engine.lines(
            try LogParser.pipeline(#"{container="web"} |= "req" | json n"#), request)
        let stream = try #require(result.streams.first)
        #expect(stream.parsed == ["n": "3"])
        #expect(stream.metadata == ["container_id": "id-web", "detected_level": "unknown"])
        #expect(stream.stream["container"] == "web" && stream.stream["stream"] == "stdout")
        #expect(result.next == ["id-web": 3])
    }

    @Test func boundsEndAQuery() throws {
        let store = try filled()
        store.options.maxBytes = 20
        let long = #expect(throws: QueryError.self) { try store.texts(#"{container="web"}"#) }
        #expect(long?.message.contains("too many bytes") == true)
        store.options.maxBytes = .max
        store.options.maxSeries = 1
        let error = #expect(throws: QueryError.self) {
            try store.vector(#"count_over_time({container="web"}[1m])"#, at: 10)
        }
        #expect(error?.message.contains("maximum of series (1)") == true)
        let stopped = #expect(throws: QueryError.self) {
            _ = try store.engine.lines(
                try LogParser.pipeline(#"{container="web"}"#), LineRequest(start: 0, end: .max),
                options: QueryOptions(interruption: { QueryError(.canceled, "gone") }))
        }
        #expect(stopped?.kind == .canceled)
    }

    @Test func oddLinesNeverCrashAStage() throws {
        let store = try FilledStore(blockBytes: 50_000)
        var random = SeededRandom(seed: 5)
        let pieces = [
            "{", "}", "\"", "\\", ":", ",", "[", "]", "=", " ", "a", "\u{1b}[", "1e", "null",
            "\u{0}",
            "\u{ff}", "<", "10.0.0.1", "::", ".", "\\u12", "\"a\":", "k=\"v",
        ]
        var lines: [(second: Double, text: String)] = []
        for i in 0..<2_000 {
            let count = Int.random(in: 0..<15, using: &random)
            let text = (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }
            lines.append((Double(i), text.joined()))
        }
        try store.add(lines, of: "odd")
        for stage in [
            "| json", #"| json a="a[0].b""#, "| logfmt", "| logfmt --strict --keep-empty",
            #"| pattern "<a> <b>:<_>""#, #"| regexp "(?P<a>.)=(?P<b>.*)""#, "| unpack",
            "| decolorize",
            #"|= ip("10.0.0.0/8")"#, #"!= ip("::/0")"#, #"|> "<_>{<_>""#, "| json | a > 5",
        ] {
            #expect(throws: Never.self) { try store.texts(#"{container="odd"} "# + stage) }
        }
    }
}
