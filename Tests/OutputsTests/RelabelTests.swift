// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import Outputs
import Testing

/// The cases follow the documentation of relabel_config.
@Suite("Relabelling")
struct RelabelTests {
    private func apply(_ labels: Labels, _ changes: (inout RelabelOptions) -> Void) throws
        -> Labels?
    {
        var options = RelabelOptions()
        changes(&options)
        var selection = Selection()
        selection.relabelling = [try options.rule()]
        return selection.apply(labels)
    }

    private let labels: Labels = ["a": "foo", "b": "Bar", "c": "baz"]

    @Test("replace sets a label from groups, and leaves it when nothing matches")
    func replace() throws {
        let joined = try apply(labels) {
            $0.sourceLabels = ["a", "b"]
            $0.regex = "f(.*);(?P<second>.*)"
            $0.targetLabel = "d"
            $0.replacement = "${1}-${second}$$-$9"
        }
        #expect(joined == labels.merging(["d": "oo-Bar$-"]))
        let none = try apply(labels) {
            $0.sourceLabels = ["a"]
            $0.regex = "x"
            $0.targetLabel = "a"
        }
        #expect(none == labels)
        let removed = try apply(labels) {
            $0.sourceLabels = ["a"]
            $0.targetLabel = "a"
            $0.replacement = ""
        }
        #expect(removed == ["b": "Bar", "c": "baz"])
    }

    @Test("keep and drop look at the joined values")
    func keepAndDrop() throws {
        for (action, kept) in [(RelabelRule.Action.keep, true), (.drop, false)] {
            let result = try apply(labels) {
                $0.action = action
                $0.sourceLabels = ["a", "c"]
                $0.separator = "/"
                $0.regex = "foo/b.z"
            }
            #expect((result == labels) == kept)
        }
    }

    @Test("labelmap, labeldrop and labelkeep go by names")
    func names() throws {
        #expect(
            try apply(labels) {
                $0.action = .labelmap
                $0.regex = "([ab])"
                $0.replacement = "new_$1"
            } == labels.merging(["new_a": "foo", "new_b": "Bar"]))
        #expect(
            try apply(labels) {
                $0.action = .labeldrop
                $0.regex = "[ab]"
            } == ["c": "baz"])
        #expect(
            try apply(labels) {
                $0.action = .labelkeep
                $0.regex = "[ab]"
            } == ["a": "foo", "b": "Bar"])
    }

    @Test("hashmod gives what Prometheus gives, and case is changed")
    func values() throws {
        let hashed = try apply(labels) {
            $0.action = .hashmod
            $0.sourceLabels = ["c"]
            $0.targetLabel = "d"
            $0.modulus = 1000
        }
        // Prometheus' own test of the action (model/relabel/relabel_test.go) has this value.
        #expect(hashed?["d"] == "976")
        #expect(
            try apply(labels) {
                $0.action = .uppercase
                $0.sourceLabels = ["b"]
                $0.targetLabel = "b"
            }?["b"] == "BAR")
        #expect(
            try apply(labels) {
                $0.action = .keepequal
                $0.sourceLabels = ["a"]
                $0.targetLabel = "b"
            } == nil)
    }

    @Test("External labels give way to a series' own, and selectors come first")
    func order() throws {
        var selection = Selection()
        selection.externalLabels = ["a": "other", "host": "h1"]
        selection.selectors = [
            try CompiledMatchers([Matcher("a", .equal, "foo")]),
            try CompiledMatchers([Matcher("a", .equal, "none")]),
        ]
        #expect(selection.apply(labels) == labels.merging(["host": "h1"]))
        #expect(selection.apply(["a": "bar"]) == nil)
    }
}
