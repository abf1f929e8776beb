// SPDX-License-Identifier: Apache-2.0

import HTTPAPI
import Model
import Testing

@testable import Rules

@Suite("Rules and alerts over HTTP")
struct RuleRoutesTests {
    private func groups() throws -> [GroupStatus] {
        let text = """
            groups:
            - name: one
              interval: 30s
              limit: 5
              rules:
              - {record: "a:sum", expr: sum(a), labels: {team: x}}
              - alert: High
                expr: a > 1
                for: 2m
                keep_firing_for: 1m
                labels: {severity: page}
                annotations: {summary: "{{ $value }}"}
            - name: two
              rules: [{alert: Low, expr: a < 1}]
            """
        let file = try RuleFile.parse(Array(text.utf8), path: "/r.yaml")
        return file.groups.map { group in
            var status = GroupStatus(
                file: group.file, name: group.name, interval: group.interval ?? 15_000,
                limit: group.limit,
                rules: group.rules.map { RuleStatus(rule: $0, labels: $0.labels) })
            if group.name == "one" {
                status.evaluatedAt = 1_700_000_000_000
                status.rules[0].health = .bad
                status.rules[0].lastError = "it failed"
                status.rules[1].health = .good
                status.rules[1].alerts = [
                    Alert(
                        labels: ["alertname": "High", "name": "web"],
                        annotations: ["summary": "2.5"], value: 2.5, state: .firing,
                        activeAt: 1_700_000_000_000)
                ]
            }
            return status
        }
    }

    private func ask(_ target: String) async throws -> TestServer.Reply {
        let groups = try groups()
        let server = try await TestServer { $0.ruleGroups = { groups } }
        return try await server.request("GET", target)
    }

    @Test("Rules are written as Prometheus writes them")
    func shape() async throws {
        let text = try await ask("/api/v1/rules").text
        let recording = [
            #"{"name":"a:sum","query":"sum(a)","labels":{"team":"x"},"health":"err","#,
            #""lastError":"it failed","evaluationTime":0,"#,
            #""lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}"#,
        ]
        #expect(text.contains(recording.joined()), "\(text)")
        let alerting = [
            #"{"state":"firing","name":"High","query":"a \u003e 1","duration":120,"#,
            #""keepFiringFor":60,"labels":{"severity":"page"},"#,
            #""annotations":{"summary":"{{ $value }}"},"alerts":[{"labels":"#,
            #"{"alertname":"High","name":"web"},"annotations":{"summary":"2.5"},"#,
            #""state":"firing","activeAt":"2023-11-14T22:13:20.000Z","value":"2.5e+00"}],"#,
            #""health":"ok","#,
        ]
        #expect(text.contains(alerting.joined()), "\(text)")
        #expect(text.contains(#""interval":30,"limit":5,"#))
        #expect(text.contains(#""lastEvaluation":"2023-11-14T22:13:20.000Z"}"#))
    }

    @Test("Alerts are listed")
    func alerts() async throws {
        let text = try await ask("/api/v1/alerts").text
        #expect(text.hasPrefix(#"{"status":"success","data":{"alerts":[{"labels":{"alertname""#))
    }

    @Test(
        "Filters leave out what is not asked for",
        arguments: [
            ("type=record", ["a:sum"]), ("type=alert", ["High", "Low"]),
            ("rule_name[]=High", ["High"]), ("rule_group[]=two", ["Low"]),
            ("file[]=/other.yaml", []), ("file[]=/r.yaml&type=record", ["a:sum"]),
            ("match[]={team=\"x\"}", ["a:sum"]), ("match[]={severity=~\"p.*\"}", ["High"]),
            ("group_limit=1", ["a:sum", "High"]),
        ])
    func filters(_ query: String, _ names: [String]) async throws {
        let escaped = query.replacing("{", with: "%7B").replacing("}", with: "%7D")
            .replacing("\"", with: "%22").replacing("~", with: "%7E")
        let text = try await ask("/api/v1/rules?" + escaped).text
        for name in ["a:sum", "High", "Low"] {
            #expect(text.contains("\"name\":\"\(name)\"") == names.contains(name), "\(text)")
        }
    }

    @Test("Pages of groups follow one another; bad parameters are refused")
    func pages() async throws {
        let first = try await ask("/api/v1/rules?group_limit=1").text
        let token = try #require(
            first.split(separator: "\"groupNextToken\":\"").last?.split(separator: "\"").first)
        let second = try await ask("/api/v1/rules?group_limit=1&group_next_token=\(token)").text
        #expect(second.contains("Low") && !second.contains("groupNextToken"))
        #expect(try await !ask("/api/v1/rules?exclude_alerts=true").text.contains("activeAt"))
        for bad in [
            "type=x", "exclude_alerts=x", "group_limit=0", "group_limit=x", "group_next_token=x",
            "group_limit=1&group_next_token=x", "match[]=%7B",
        ] {
            #expect(try await ask("/api/v1/rules?" + bad).status == 400, "\(bad)")
        }
    }
}
