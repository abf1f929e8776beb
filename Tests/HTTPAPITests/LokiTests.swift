// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPAPI
import LogStore
import Model
import TestSupport
import Testing

/// A server over a log store with a few lines, from second 1,000,000,000 on.
struct LokiServer {
    let temporary: TemporaryDirectory
    let store: LogStore
    let server: TestServer
    static let start: Int64 = 1_000_000_000
    static let range = "start=1000000000&end=1000000100"

    init() async throws {
        temporary = try TemporaryDirectory()
        let store = try LogStore(directory: temporary.path)
        self.store = store
        let lines: [(String, String, LogStream, LogLevel)] = [
            ("web", #"{"path":"/<a>","took":"2s","n":1}"#, .stdout, .info),
            ("web", #"{"path":"/b","took":"3s","n":2}"#, .stdout, .info),
            ("web", "oops \"quoted\" \u{e9}", .stderr, .error),
            ("db", "ready after=5ms", .stdout, .unknown),
        ]
        for (i, line) in lines.enumerated() {
            try Self.add(
                line.1, to: store, of: line.0, line.2, line.3,
                at: (Self.start + Int64(i)) * 1_000_000_000 + 5)
        }
        let archive = LogArchive(directory: temporary.path)
        server = try await TestServer { $0.logs = archive }
    }

    func add(
        _ text: String, of name: String, _ stream: LogStream, _ level: LogLevel, at time: Int64
    ) throws {
        try Self.add(text, to: store, of: name, stream, level, at: time)
    }

    private static func add(
        _ text: String, to store: LogStore, of name: String, _ stream: LogStream,
        _ level: LogLevel, at time: Int64
    ) throws {
        var batch = LogBatch()
        Array(text.utf8).withUnsafeBytes {
            batch.append($0, timestamp: time, stream: stream, level: level)
        }
        let identity = LogIdentity(
            id: "id-" + name, name: name, createdAt: 1, labels: ["engine": "docker"])
        try store.append(batch, of: identity)
        try store.flush(identity)
    }

    func get(_ target: String, headers: [String: String] = [:]) async throws -> TestServer.Reply {
        try await server.request("GET", "/loki/api/v1/" + target, headers: headers)
    }

    /// The answer, which must be a success in JSON.
    func json(_ target: String, headers: [String: String] = [:]) async throws -> [String: Any] {
        let reply = try await get(target, headers: headers)
        #expect(reply.status == 200, "\(reply.text)")
        return try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any] ?? [:]
    }

    static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}

@Suite struct LokiTests {
    /// `stats` differs from run to run.
    private func withoutStats(_ text: String) -> String {
        guard let from = text.range(of: ",\"stats\":") else { return text }
        return String(text[..<from.lowerBound])
    }

    @Test func theHealthCheckOfGrafana() async throws {
        let loki = try await LokiServer()
        let reply = try await loki.get("query?query=vector(1)%2Bvector(1)&time=4000000000")
        #expect(
            withoutStats(reply.text)
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[4000000000,"2"]}]"#
        )
    }

    @Test func linesAsStreams() async throws {
        let loki = try await LokiServer()
        let query = LokiServer.escaped(#"{container="web", stream="stdout"} | json n"#)
        let reply = try await loki.get(
            "query_range?\(LokiServer.range)&query=\(query)&direction=FORWARD&limit=1")
        let labels =
            #""container":"web","container_id":"id-web","detected_level":"info","engine":"docker","level":"info","n":"1","service_name":"web","stream":"stdout""#
        #expect(
            withoutStats(reply.text)
                == #"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"#
                + labels
                + #"},"values":[["1000000000000000005","{\"path\":\"/\u003ca\u003e\",\"took\":\"2s\",\"n\":1}"]]}]"#
        )
        let sorted = try await loki.get(
            "query_range?\(LokiServer.range)&query=\(query)",
            headers: ["X-Loki-Response-Encoding-Flags": "categorize-labels"])
        #expect(
            withoutStats(sorted.text)
                == #"{"status":"success","data":{"resultType":"streams","encodingFlags":["categorize-labels"],"result":[{"stream":{"container":"web","engine":"docker","level":"info","service_name":"web","stream":"stdout"},"values":[["1000000001000000005","{\"path\":\"/b\",\"took\":\"3s\",\"n\":2}",{"structuredMetadata":{"container_id":"id-web","detected_level":"info"},"parsed":{"n":"2"}}],["1000000000000000005","{\"path\":\"/\u003ca\u003e\",\"took\":\"2s\",\"n\":1}",{"structuredMetadata":{"container_id":"id-web","detected_level":"info"},"parsed":{"n":"1"}}]]}]"#
        )
    }

    @Test func numbersAsMatrixAndVector() async throws {
        let loki = try await LokiServer()
        let query = LokiServer.escaped(
            #"sum by (level, detected_level) (count_over_time({engine="docker"} | drop __error__[1m]))"#
        )
        let reply = try await loki.get(
            "query_range?start=1000000000000000000&end=2001-09-09T01:47:40Z&step=60s&query=\(query)"
        )
        #expect(
            withoutStats(reply.text)
                == #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"detected_level":"error","level":"error"},"values":[[1000000060,"1"]]},{"metric":{"detected_level":"info","level":"info"},"values":[[1000000060,"2"]]},{"metric":{"detected_level":"unknown","level":"unknown"},"values":[[1000000060,"1"]]}]"#
        )
        let form =
            "query="
            + LokiServer.escaped(
                #"avg(avg_over_time({container="web"} | json | unwrap duration(took) | __error__="" [1m]))"#
            )
            + "&time=1000000020.5"
        let posted = try await loki.server.post("/loki/api/v1/query", form: form)
        #expect(
            withoutStats(posted.text)
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1000000020.500,"2.5"]}]"#
        )
    }

    @Test func labelsAndSeries() async throws {
        let loki = try await LokiServer()
        let names = try await loki.get("labels?\(LokiServer.range)")
        #expect(
            names.text
                == #"{"status":"success","data":["container","engine","level","service_name","stream"]}"#
        )
        let values = try await loki.get("label/container/values?\(LokiServer.range)")
        #expect(values.text == #"{"status":"success","data":["db","web"]}"#)
        let query = LokiServer.escaped(#"{stream="stderr"}"#)
        let some = try await loki.get("label/level/values?\(LokiServer.range)&query=\(query)")
        #expect(some.text.contains("error"))
        let old = try await loki.get("label/container/values?start=900000000&end=900000001")
        #expect(old.text == #"{"status":"success","data":[]}"#)
        for name in ["match", "match%5B%5D"] {
            let match = LokiServer.escaped(#"{container="db"}"#)
            let series = try await loki.get("series?\(LokiServer.range)&\(name)=\(match)")
            #expect(
                series.text
                    == #"{"status":"success","data":[{"container":"db","engine":"docker","level":"unknown","service_name":"db","stream":"stdout"}]}"#
            )
        }
    }

    @Test func sizesAndFields() async throws {
        let loki = try await LokiServer()
        let all = LokiServer.escaped(#"{engine="docker"}"#)
        let stats = try await loki.json("index/stats?\(LokiServer.range)&query=\(all)")
        #expect(stats["entries"] as? Int == 4)
        #expect(stats["bytes"] as? Int == 33 + 31 + 16 + 15)
        let volume = try await loki.get(
            "index/volume?\(LokiServer.range)&query=\(all)&targetLabels=container")
        #expect(
            withoutStats(volume.text)
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"container":"web"},"value":[1000000100,"80"]},{"metric":{"container":"db"},"value":[1000000100,"15"]}]"#
        )
        let byLevel = try await loki.get(
            "index/volume?\(LokiServer.range)&query=\(all)&targetLabels=level&limit=1")
        #expect(
            withoutStats(byLevel.text)
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"level":"info"},"value":[1000000100,"64"]}]"#
        )
        let range = try await loki.get(
            "index/volume_range?\(LokiServer.range)&query=\(all)&step=50")
        #expect(
            withoutStats(range.text)
                == #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"engine":"docker"},"values":[[1000000050,"95"]]}]"#
        )
        let fields = try await loki.get("detected_fields?\(LokiServer.range)&query=\(all)")
        #expect(
            fields.text.contains(
                #"{"label":"took","type":"duration","cardinality":2,"parsers":["json"]}"#))
        #expect(
            fields.text.contains(
                #"{"label":"after","type":"duration","cardinality":1,"parsers":["logfmt"]}"#))
        let took = try await loki.get("detected_field/took/values?\(LokiServer.range)&query=\(all)")
        #expect(took.text == #"{"values":["2s","3s"],"limit":1000}"#)
        let patterns = try await loki.get("patterns?\(LokiServer.range)&step=100s&query=\(all)")
        #expect(patterns.text.hasPrefix(#"{"status":"success","data":[{"pattern":""#))
        #expect(
            patterns.text.contains(
                #"{"pattern":"ready after=\u003c_\u003e","level":"unknown","#
                    + #""samples":[[1000000000,1]]}"#))
        let labels = try await loki.get("detected_labels?\(LokiServer.range)")
        #expect(labels.text.contains(#"{"label":"container","cardinality":2}"#))
    }

    @Test func mistakesAreSaidInPlainText() async throws {
        let loki = try await LokiServer()
        let web = LokiServer.escaped(#"{container="web"}"#)
        for (target, status, text) in [
            ("query_range?query=%7B", 400, "parse error at line 1, col 2: syntax error"),
            ("query_range", 400, "parse error at line 1, col 1"),
            ("query?query=\(web)", 400, "log queries are not supported as an instant query type"),
            ("query_range?query=\(web)&limit=9999", 400, "max entries limit per query exceeded"),
            ("query_range?query=\(web)&limit=x", 400, "limit must be a positive value"),
            ("query_range?query=\(web)&direction=up", 400, "invalid direction"),
            ("query_range?query=\(web)&start=yesterday", 400, "could not parse 'start' parameter"),
            (
                "query_range?query=\(web)&start=2000000000&end=1000000000", 400,
                "end timestamp must not be before"
            ),
            ("query_range?query=vector(1)&step=-1", 400, "zero or negative query resolution"),
            (
                "query_range?query=vector(1)&start=0&end=1000000000&step=1", 400,
                "exceeded maximum resolution"
            ),
            (
                "query_range?query=vector(1)&start=0&end=9000000000000000000&step=1s", 400,
                "exceeded maximum resolution"
            ),
            ("series?match=%7B", 400, "parse error"),
            ("nothing", 404, "404 page not found"),
        ] {
            let reply = try await loki.get(target)
            #expect(reply.status == status, "\(target): \(reply.text)")
            #expect(reply.text.contains(text), "\(target): \(reply.text)")
            #expect(reply.headers["content-type"]?.hasPrefix("text/plain") == true)
        }
    }

    @Test func otherQuestions() async throws {
        let loki = try await LokiServer()
        let ready = try await loki.server.request("GET", "/ready")
        #expect(ready.status == 200 && ready.text == "ready\n")
        let build = try await loki.json("status/buildinfo")
        #expect(build["version"] as? String == "3.0.0")
        let format = try await loki.json(
            "format_query?query=" + LokiServer.escaped(#"rate( {a="b"}  [5m])"#))
        #expect(format["data"] as? String == #"rate({a="b"}[5m0s])"#)
        let none = try await TestServer()
        let reply = try await none.request("GET", "/loki/api/v1/labels")
        #expect(reply.status == 404 && reply.text.contains("keeps no logs"))
    }
}
