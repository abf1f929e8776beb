// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Expressions without evaluation")
struct ParseTests {
    @Test("format_query prints an expression anew")
    func format() async throws {
        let server = try await TestServer(sampleSeries())
        let reply = try await server.post("/api/v1/format_query", form: "query=sum(up)by(job)")
        #expect(reply.text == #"{"status":"success","data":"sum by (job) (up)"}"#)
        let bad = try await server.request("GET", "/api/v1/format_query?query=sum(")
        #expect(bad.status == 400)
        #expect(
            bad.text.contains(
                #"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"#))
    }

    @Test("parse_query gives the tree as Prometheus draws it")
    func parse() async throws {
        let server = try await TestServer(sampleSeries())
        let reply = try await server.request(
            "GET", "/api/v1/parse_query?query=rate(x%7Ba%3D%22b%22%7D%5B5m%5D%20offset%201m)")
        #expect(
            reply.text == #"{"status":"success","data":{"args":[{"anchored":false,"matchers":["#
                + #"{"name":"__name__","type":"=","value":"x"},"#
                + #"{"name":"a","type":"=","value":"b"}],"name":"x","offset":60000,"#
                + #""offsetExpr":null,"range":300000,"rangeExpr":null,"smoothed":false,"#
                + #""startOrEnd":null,"timestamp":null,"type":"matrixSelector"}],"func":{"#
                + #""argTypes":["matrix"],"name":"rate","returnType":"vector","variadic":0},"#
                + #""type":"call"}}"#)
        let binary = try await server.request(
            "GET", "/api/v1/parse_query?query=a+%2B+on(x)+group_left+b")
        #expect(
            binary.text.contains(
                #""matching":{"card":"many-to-one","fillValues":{"lhs":null,"rhs":null},"#
                    + #""include":[],"labels":["x"],"on":true},"op":"+""#))
    }
}
