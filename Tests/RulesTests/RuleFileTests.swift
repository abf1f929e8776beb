// SPDX-License-Identifier: Apache-2.0

import Model
import Rules
import TestSupport
import Testing

@Suite("Rule files")
struct RuleFileTests {
    private func problems(_ text: String) -> String {
        do throws(RuleFileError) {
            _ = try RuleFile.parse(Array(text.utf8), path: "r.yaml")
            return ""
        } catch { return error.description }
    }

    private func rules(_ lines: String) -> String {
        "groups:\n- name: g\n  rules:\n" + lines
    }

    @Test("All fields are read")
    func fields() throws {
        let file = try RuleFile.parse(
            Array(
                """
                groups:
                - name: g
                  interval: 1m30s
                  limit: 10
                  query_offset: 5s
                  labels: {team: a, gone: ""}
                  rules:
                  - record: job:up:sum
                    expr: sum by (job) (up)
                    labels: {x: y}
                  - alert: Down
                    expr: up == 0
                    for: 5m
                    keep_firing_for: 10m
                    annotations:
                      summary: down
                """.utf8), path: "r.yaml")
        let group = try #require(file.groups.first)
        #expect(group.interval == 90_000 && group.limit == 10 && group.queryOffset == 5000)
        #expect(group.labels.map(\.name) == ["gone", "team"])
        #expect(group.rules.map(\.kind) == [.recording, .alerting])
        #expect(group.rules[1].holdDuration == 300_000)
        #expect(group.rules[1].keepFiringFor == 600_000)
        #expect(group.rules[1].annotations.first?.value == "down")
        #expect(file.ruleCount == 2)
    }

    @Test("Nothing at all, and groups without rules, are rule files")
    func empty() throws {
        for text in ["", "groups:", "groups: []", "groups:\n- name: g", "# comment\n"] {
            #expect(problems(text) == "", "\(text)")
        }
    }

    @Test("Anchors, aliases and merge keys are understood")
    func aliases() throws {
        let text = rules(
            """
              - &base
                alert: A
                expr: up
                labels: {a: b}
              - <<: *base
                alert: B
            """)
        let file = try RuleFile.parse(Array(text.utf8), path: "r.yaml")
        #expect(file.groups[0].rules.map(\.name) == ["A", "B"])
        #expect(file.groups[0].rules[1].labels == file.groups[0].rules[0].labels)
    }

    @Test("A document that grows by its aliases is refused")
    func bomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for i in 1...9 {
            let one = "*a\(i - 1)"
            text += "a\(i): &a\(i) [" + Array(repeating: one, count: 10).joined(separator: ", ")
            text += "]\n"
        }
        #expect(problems(text).contains("too large"))
    }

    @Test(
        "What promtool refuses is refused with its place",
        arguments: [
            (
                "  - alert: A\n    expr: sum(up\n",
                "5:17: group \"g\", rule 1, \"A\": could not parse"
            ),
            ("  - alert: A\n    expr: |\n      up and\n      sum(up))\n", "7:14: group \"g\""),
            ("  - record: a\n    alert: a\n    expr: up\n", "only one of 'record' and 'alert'"),
            ("  - expr: up\n", "4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert'"),
            ("  - record: a\n", "field 'expr' must be set"),
            ("  - record: a\n    expr: up\n    for: 1m\n", "6:10: group"),
            (
                "  - record: a\n    expr: up\n    keep_firing_for: 1m\n",
                "invalid field 'keep_firing"
            ),
            (
                "  - record: a\n    expr: up\n    annotations: {a: b}\n",
                "invalid field 'annotations"
            ),
            ("  - record: 'a{b=\"c\"}'\n    expr: up\n", "braces present"),
            ("  - record: a\n    expr: up\n    labels: {__name__: b}\n", "invalid label name"),
            ("  - record: a\n    expr: up\n    labels: {\"\": b}\n", "invalid label name"),
            ("  - record: a\n    expr: up\n    labels: {a: b, a: c}\n", "given twice"),
            ("  - record: a\n    expr: up\n    labels: {a: [b]}\n", "must be a text"),
            ("  - record: a\n    expr: up\n    ex: b\n", "6:5: unknown field `ex` in a rule"),
            ("  - alert: a\n    expr: up\n    for: 5x\n", "not a valid duration"),
            ("  - alert: a\n    expr: up\n    for: -5m\n", "not a valid duration"),
            ("- name: g\n", "5:3: groupname: \"g\" is repeated"),
            ("- rules: []\n", "Groupname must not be empty"),
            ("- name: h\n  limit: many\n", "must be a whole number"),
            ("- name: h\n  interval: soon\n", "not a valid duration"),
            ("- name: h\n  rules: {}\n", "must be a list"),
            ("- name: [\n", "not YAML"),
        ])
    func refusals(_ lines: String, _ expected: String) {
        let message = problems(
            lines.hasPrefix("-") ? "groups:\n- name: g\n\n  \n" + lines : rules(lines))
        #expect(message.contains(expected), "\(message)")
        #expect(message.hasPrefix("r.yaml:"), "\(message)")
    }

    @Test("Rules that make the same series are found")
    func duplicates() throws {
        let text = rules(
            """
              - {record: a, expr: up}
              - {record: a, expr: up}
              - {record: a, expr: up, labels: {x: y}}
            """)
        let found = DuplicateRules.find(
            in: try RuleFile.parse(Array(text.utf8), path: "r.yaml"))
        #expect(found.map(\.name) == ["a"] && found[0].labels.isEmpty)
    }

    @Test("Mutated files never crash the reader")
    func fuzz() {
        var random = SeededRandom(seed: 6)
        let base = Array(
            rules("  - &a\n    alert: A\n    expr: |\n      sum(up)\n    for: 5m\n  - *a\n").utf8)
        for _ in 0..<500 {
            var bytes = base
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            _ = try? RuleFile.parse(bytes, path: "r.yaml")
        }
    }

    @Test("A file that cannot be read says so")
    func unreadable() throws {
        let directory = try TemporaryDirectory("rules")
        for path in [directory.appending("none"), directory.path] {
            do throws(RuleFileError) {
                _ = try RuleFile.load(path: path)
                Issue.record("\(path) was read")
            } catch { #expect(error.description.contains("cannot read it")) }
        }
    }
}
