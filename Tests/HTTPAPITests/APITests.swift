// SPDX-License-Identifier: Apache-2.0

import HTTPAPI
import Model
import PromQL
import TestSupport
import Testing

/// Prometheus' API as a client sees it: over a socket, against a running server.
@Suite("HTTP API v1")
struct APITests {
    @Test("Queries answer in Prometheus' envelope, byte for byte")
    func queries() async throws {
        let server = try await TestServer(sampleSeries())
        let vector = try await server.request("GET", "/api/v1/query?query=up&time=2.5")
        #expect(vector.status == 200)
        #expect(vector.headers["content-type"] == "application/json")
        #expect(
            vector.text == #"{"status":"success","data":{"resultType":"vector","result":["#
                + #"{"metric":{"__name__":"up","job":"a"},"value":[2.500,"0.5"]},"#
                + #"{"metric":{"__name__":"up","job":"b"},"value":[2.500,"1e+21"]}]}}"#)
        let scalar = try await server.request("GET", "/api/v1/query?query=1e21&time=-0.5")
        #expect(
            scalar.text == #"{"status":"success","data":{"resultType":"scalar","#
                + #""result":[-0.500,"1000000000000000000000"]}}"#)
        let odd = try await server.request("GET", "/api/v1/query?query=odd&time=1")
        #expect(odd.text.contains(#"{"__name__":"odd","l":"\u003c\u0026\u003e\n\"\\é"}"#))
        #expect(odd.text.contains(#"[1,"+Inf"]"#))
        let range = try await server.request(
            "GET", "/api/v1/query_range?query=up%7Bjob%3D%22a%22%7D&start=1&end=3&step=1")
        #expect(
            range.text == #"{"status":"success","data":{"resultType":"matrix","result":["#
                + #"{"metric":{"__name__":"up","job":"a"},"#
                + #""values":[[1,"1"],[2,"0.5"],[3,"0.5"]]}]}}"#)
    }

    @Test("A large answer is the same bytes, however many threads write it, and bounded")
    func largeAnswers() async throws {
        var expected: [String] = []
        let series = (100..<201).map { n in
            // Every third has a sample at every other step alone, and looks back no further.
            let times = (0..<120).filter { n % 3 != 0 || $0 % 2 == 0 }
            let points = times.map { "[\($0 * 10),\"\(n).\($0 % 2 == 0 ? "25" : "5")\"]" }
            expected.append(
                "{\"metric\":{\"__name__\":\"many\",\"n\":\"\(n)\"},"
                    + "\"values\":[\(points.joined(separator: ","))]}")
            return MemoryQuerier.Series(
                labels: ["__name__": "many", "n": "\(n)"],
                times: times.map { Milliseconds($0) * 10_000 },
                values: times.map { Double(n) + ($0 % 2 == 0 ? 0.25 : 0.5) })
        }
        let path = "/api/v1/query_range?query=many&start=0&end=1190&step=10&lookback_delta=5s"
        for threads in [1, 4] {
            let server = try await TestServer(series) { $0.engineOptions.threads = threads }
            for limit in [1, 50, 0] {
                let reply = try await server.request("GET", "\(path)&limit=\(limit)")
                let shown = limit == 0 ? expected[...] : expected.prefix(limit)
                #expect(
                    reply.text.hasPrefix(
                        #"{"status":"success","data":{"resultType":"matrix","result":["#
                            + shown.joined(separator: ",") + "]}"))
            }
            let small = try await TestServer(series) {
                $0.engineOptions.threads = threads
                $0.limits.maxAnswer = 100_000
            }
            let refused = try await small.request("GET", path)
            #expect(refused.status == 422 && refused.text.contains("the answer is larger than"))
        }
    }

    @Test("A form answers as the address does, and a limit cuts off with a warning")
    func forms() async throws {
        let server = try await TestServer(sampleSeries())
        let reply = try await server.post(
            "/api/v1/query", form: "query=up&time=1970-01-01T00:00:01Z")
        #expect(reply.text.contains(#"[1,"1"]"#))
        let limited = try await server.post("/api/v1/query?limit=1", form: "query=up&time=1")
        #expect(limited.text.hasSuffix(#","warnings":["results truncated due to limit"]}"#))
        #expect(!limited.text.contains(#""job":"b""#))
        let series = try await server.post(
            "/api/v1/series", form: "match[]=up&match%5B%5D=odd&limit=2")
        #expect(series.text.contains("truncated"))
        let values = try await server.request("GET", "/api/v1/label/job/values?limit=1")
        #expect(
            values.text == #"{"status":"success","data":["a"],"#
                + #""warnings":["results truncated due to limit"]}"#)
        let names = try await server.request("GET", "/api/v1/labels?match[]=odd")
        #expect(names.text == #"{"status":"success","data":["__name__","l"]}"#)
    }

    @Test("A label's name may be escaped")
    func escapedNames() async throws {
        let server = try await TestServer([
            .init(labels: ["__name__": "x", "a.b_c": "v"], times: [1], values: [1])
        ])
        for name in ["U__a_2e_b__c", "a.b_c"] {
            #expect(
                try await server.request("GET", "/api/v1/label/\(name)/values").text
                    == #"{"status":"success","data":["v"]}"#)
        }
        #expect(
            try await server.request("GET", "/api/v1/label/U__a_zz_/values").text
                == #"{"status":"success","data":[]}"#)
    }

    @Test(
        "What is wrong is said in Prometheus' words and code",
        arguments: [
            ("query?query=1&time=abc", 400, "invalid parameter \\\"time\\\": invalid time value"),
            ("query?query=up&timeout=x", 400, "invalid parameter \\\"timeout\\\": cannot parse"),
            ("query?query=up&lookback_delta=x", 400, "error parsing lookback delta duration"),
            ("query?query=up&limit=-1", 400, "limit must be non-negative"),
            ("query?query=up%7B", 400, "invalid parameter \\\"query\\\": 1:"),
            ("query_range?query=1", 400, "invalid parameter \\\"start\\\": cannot parse \\\"\\\""),
            ("query_range?query=1&start=2&end=1&step=1", 400, "end timestamp must not be before"),
            ("query_range?query=1&start=1&end=2&step=0", 400, "zero or negative query resolution"),
            ("query_range?query=1&start=1&end=20000&step=1", 400, "exceeded maximum resolution"),
            ("query_range?query=1&start=-9e18&end=9e18&step=1", 400, "exceeded maximum resolution"),
            ("series", 400, "no match[] parameter provided"),
            ("series?match[]=up%7B", 400, "invalid parameter \\\"match[]\\\": 1:"),
            ("labels?start=x", 400, "invalid parameter \\\"start\\\": invalid time value"),
            ("labels?match[]=%zz", 400, "invalid URL escape \\\"%zz\\\""),
            ("metadata?limit=x", 400, "limit must be a number"),
            ("nosuch", 404, "not_found"),
        ])
    func errors(_ target: String, _ status: Int, _ words: String) async throws {
        let server = try await TestServer(sampleSeries())
        let reply = try await server.request("GET", "/api/v1/" + target)
        #expect(reply.status == status)
        #expect(reply.text.hasPrefix(#"{"status":"error","errorType":""#), "\(reply.text)")
        #expect(reply.text.contains(words), "\(reply.text)")
    }

    @Test("Other methods are refused with those there are; unknown pages are 404")
    func methods() async throws {
        let server = try await TestServer()
        let delete = try await server.request("DELETE", "/api/v1/query")
        #expect(delete.status == 405)
        #expect(delete.headers["allow"] == "GET, POST")
        #expect(try await server.request("POST", "/api/v1/label/job/values").status == 405)
        #expect(try await server.request("GET", "/nosuch").status == 404)
        #expect(try await server.request("HEAD", "/-/healthy").status == 200)
    }

    @Test("Pages of other sites and foreign names are refused")
    func origins() async throws {
        let server = try await TestServer()
        let reply = try await server.request(
            "GET", "/metrics", headers: ["Origin": "https://evil.example"])
        #expect(reply.status == 403)
    }

    @Test("What Grafana asks on the way is answered")
    func grafana() async throws {
        let server = try await TestServer(
            sampleSeries(), descriptors: [MetricDescriptor("up", .gauge, help: "Up \"now\".")])
        let build = try await server.request("GET", "/api/v1/status/buildinfo").text
        #expect(build.contains(#""version":"3.0.0""#) && !build.contains("features"))
        #expect(
            try await server.request(
                "GET", "/api/v1/query_exemplars?query=test&start=1700000000000&end=1800000000000"
            ).text == #"{"status":"success","data":[]}"#)
        #expect(
            try await server.request("GET", "/api/v1/rules").text
                == #"{"status":"success","data":{"groups":[]}}"#)
        #expect(
            try await server.request("GET", "/api/v1/alerts").text
                == #"{"status":"success","data":{"alerts":[]}}"#)
        #expect(
            try await server.request("GET", "/api/v1/metadata?metric=up&limit=5").text
                == #"{"status":"success","data":{"up":[{"type":"gauge","#
                + #""help":"Up \"now\".","unit":""}]}}"#)
        for path in ["targets", "alertmanagers", "targets/metadata", "status/flags"] {
            #expect(try await server.request("GET", "/api/v1/" + path).status == 200, "\(path)")
        }
        for path in ["config", "runtimeinfo", "tsdb"] {
            #expect(
                try await server.request("GET", "/api/v1/status/" + path).status == 200, "\(path)")
        }
    }

    @Test("Stats are given when asked for")
    func stats() async throws {
        let server = try await TestServer(sampleSeries())
        let reply = try await server.request("GET", "/api/v1/query?query=up&time=2&stats=all")
        #expect(reply.text.contains(#""totalQueryableSamples":"#))
        #expect(
            !(try await server.request("GET", "/api/v1/query?query=up&time=2").text)
                .contains("stats"))
    }
}
