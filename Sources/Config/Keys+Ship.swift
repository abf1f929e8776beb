// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import Outputs
import PromQL
import YAML

extension Keys {
    /// The list `ship`.
    static let ship: [Key] = [
        Key(
            section: "", name: "ship", preset: "[]",
            comment:
                "Sinks that samples and logs are sent to, each with `name`, `type` and `url`; "
                + "docs/shipping.md has all keys. Reloaded on SIGHUP."
        ) { node, c throws(ValueError) in
            guard case .list(let items) = node.content else { throw ValueError("expected a list") }
            var sinks: [SinkOptions] = []
            for item in items {
                let sink = try SinkReader.sink(item)
                guard !sinks.contains(where: { $0.name == sink.name }) else {
                    throw ValueError("two sinks are called `\(sink.name)`", at: item.mark)
                }
                sinks.append(sink)
            }
            c.ship = sinks
        }
    ]
}

/// Reads one entry of `ship`.
enum SinkReader {
    static func sink(_ node: YAMLNode) throws(ValueError) -> SinkOptions {
        var map = try MapReader(node, "a sink")
        let name = try map.require("name") { node throws(ValueError) in
            let text = try Value.text(node)
            let isPlain = text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0)
                    || (0x61...0x7a).contains($0) || $0 == 0x2d || $0 == 0x5f
            }
            guard isPlain, text.utf8.count <= 64 else {
                throw ValueError("expected up to 64 letters, digits, `-` and `_`")
            }
            return text
        }
        let kind = try map.require("type") { node throws(ValueError) in
            guard let kind = SinkOptions.Kind(rawValue: try Value.text(node)) else {
                let known = SinkOptions.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValueError("expected one of \(known)")
            }
            return kind
        }
        var sink = SinkOptions(name: name, kind: kind, destination: try destination(kind, &map))
        try format(&map, &sink)
        try selection(&map, &sink)
        try delivery(&map, &sink.delivery)
        let isHTTP = if case .http = sink.destination { true } else { false }
        var parts = 1
        try map.read("concurrency") { n throws(ValueError) in
            parts = Int(try Value.integer(n, 1...64))
            guard isHTTP || parts == 1 else {
                throw ValueError("only sinks over HTTP send several requests at once")
            }
        }
        sink.delivery.batch.parts = parts
        try map.finish()
        return sink
    }

    /// How records are written, and which lines.
    private static func format(
        _ map: inout MapReader, _ sink: inout SinkOptions
    ) throws(ValueError) {
        var new = sink
        if sink.kind.encodings.count > 1 {
            try map.read("encoding") { n throws(ValueError) in
                let text = try Value.text(n)
                guard let known = sink.kind.encodings.first(where: { $0.rawValue == text }) else {
                    let names = sink.kind.encodings.map(\.rawValue).joined(separator: ", ")
                    throw ValueError("expected one of \(names)")
                }
                new.encoding = known
            }
        }
        try map.read("hostname") { n throws(ValueError) in new.wire.host = try Value.text(n) }
        switch sink.kind {
        case .remoteWrite:
            try map.read("version") { n throws(ValueError) in
                switch try Value.text(n) {
                case "1", "1.0": new.version = 1
                case "2", "2.0": new.version = 2
                default: throw ValueError("expected 1.0 or 2.0")
                }
            }
        case .elasticsearch:
            try map.read("index") { n throws(ValueError) in new.index = try Value.text(n) }
        case .syslog, .relp:
            try map.read("facility") { n throws(ValueError) in
                new.wire.facility = Int(try Value.integer(n, 0...23))
            }
        case .forward:
            try map.read("tag") { n throws(ValueError) in new.wire.tag = try Value.text(n) }
            new.wire.sharedKey = try secret(&map, "shared_key")
            try map.read("username") { n throws(ValueError) in new.wire.user = try Value.text(n) }
            new.wire.password = try secret(&map, "password")
        default: break
        }
        let isCompressed: Bool
        if case .http = sink.destination {
            isCompressed = sink.kind != .remoteWrite && sink.kind != .journal
        } else {
            isCompressed = false
        }
        if isCompressed {
            try map.read("compression") { n throws(ValueError) in
                guard let known = BodyCompression(rawValue: try Value.text(n)) else {
                    throw ValueError("expected none or gzip")
                }
                new.compression = known
            }
        }
        if !sink.kind.takesSamples { try lines(&map, &new.lines) }
        sink = new
    }

    private static func lines(
        _ map: inout MapReader, _ lines: inout LogSource.Lines
    ) throws(ValueError) {
        var new = lines
        try map.read("min_level") { n throws(ValueError) in
            guard let level = LogLevel(word: try Value.text(n)) else {
                let names = LogLevel.allCases.map(\.name).joined(separator: ", ")
                throw ValueError("expected one of \(names)")
            }
            new.minLevel = level
        }
        try map.read("streams") { n throws(ValueError) in
            for name in try Value.texts(n) {
                guard let stream = [LogStream.stdout, .stderr].first(where: { $0.name == name })
                else { throw ValueError("expected a list of stdout and stderr") }
                new.streams.insert(stream)
            }
        }
        try map.read("max_line_bytes") { n throws(ValueError) in
            new.maxBytes = Int(min(64 << 20, try Value.size(n, atLeast: 256)))
        }
        lines = new
    }

    private static func selection(
        _ map: inout MapReader, _ sink: inout SinkOptions
    ) throws(ValueError) {
        var selectors: [[Matcher]] = []
        try map.read("match") { node throws(ValueError) in
            guard case .list(let items) = node.content else {
                throw ValueError("expected a list of selectors")
            }
            for item in items {
                let text = try Value.text(item)
                do throws(QueryError) { selectors.append(try Engine.matchers(text)) } catch {
                    throw ValueError("`match`: \(error.message)", at: item.mark)
                }
            }
        }
        sink.selectors = selectors
        var labels: [String: String] = [:]
        try map.read("external_labels") { node throws(ValueError) in
            labels = try texts(node, "`external_labels`")
        }
        sink.externalLabels = labels
        var rules: [RelabelOptions] = []
        try map.read("relabel") { node throws(ValueError) in
            guard case .list(let items) = node.content else {
                throw ValueError("expected a list of rules")
            }
            for item in items { rules.append(try rule(item)) }
        }
        sink.relabelling = rules
    }

    private static func rule(_ node: YAMLNode) throws(ValueError) -> RelabelOptions {
        var map = try MapReader(node, "a rule of `relabel`")
        var rule = RelabelOptions()
        try map.read("action") { n throws(ValueError) in
            let known = RelabelRule.Action.allCases.map(\.rawValue).joined(separator: ", ")
            guard let action = RelabelRule.Action(rawValue: try Value.text(n).lowercased()) else {
                throw ValueError("expected one of \(known)")
            }
            rule.action = action
        }
        try map.read("source_labels") { n throws(ValueError) in
            rule.sourceLabels = try Value.texts(n)
        }
        try map.read("separator") { n throws(ValueError) in
            rule.separator = try Value.anyText(n)
        }
        try map.read("target_label") { n throws(ValueError) in
            rule.targetLabel = try Value.text(n)
        }
        try map.read("replacement") { n throws(ValueError) in
            rule.replacement = try Value.anyText(n)
        }
        try map.read("modulus") { n throws(ValueError) in
            rule.modulus = UInt64(try Value.integer(n, 1...Int64.max))
        }
        try map.read("regex") { n throws(ValueError) in
            rule.regex = try Value.anyText(n)
            do throws(PatternError) { _ = try rule.rule() } catch {
                throw ValueError(error.description, at: n.mark)
            }
        }
        try map.finish()
        let needsTarget: Set<RelabelRule.Action> = [
            .replace, .hashmod, .lowercase, .uppercase, .keepequal, .dropequal,
        ]
        if needsTarget.contains(rule.action), rule.targetLabel.isEmpty {
            throw ValueError(
                "the action `\(rule.action.rawValue)` needs `target_label`", at: node.mark)
        }
        if rule.action == .hashmod, rule.modulus == 0 {
            throw ValueError("the action `hashmod` needs `modulus`", at: node.mark)
        }
        return rule
    }

    private static func delivery(
        _ map: inout MapReader, _ options: inout DeliveryOptions
    ) throws(ValueError) {
        var new = options
        try map.read("batch") { node throws(ValueError) in
            var inner = try MapReader(node, "`batch`")
            try inner.read("max_records") { n throws(ValueError) in
                new.batch.records = Int(try Value.integer(n, 1...1_000_000))
            }
            try inner.read("max_bytes") { n throws(ValueError) in
                new.batch.bytes = Int(min(256 << 20, try Value.size(n, atLeast: 1024)))
            }
            try inner.read("max_age") { n throws(ValueError) in
                new.batch.age = try Value.duration(n, 0...600_000)
            }
            try inner.finish()
        }
        try map.read("min_backoff") { n throws(ValueError) in
            new.firstBackoff = try Value.duration(n, 10...60_000)
        }
        try map.read("max_backoff") { n throws(ValueError) in
            new.longestBackoff = try Value.duration(n, 100...3_600_000)
        }
        try map.read("max_lag_age") { n throws(ValueError) in
            new.maxLagAge = try Value.duration(n, 1000...315_360_000_000)
        }
        try map.read("max_lag_bytes") { n throws(ValueError) in
            new.maxLagBytes = try Value.size(n, atLeast: 1024)
        }
        try map.read("bandwidth") { n throws(ValueError) in
            new.bandwidth = try Value.size(n, atLeast: 1024)
        }
        try map.read("dead_letter_bytes") { n throws(ValueError) in
            new.deadLetterBytes = Int(try Value.size(n, atLeast: 64 << 10))
        }
        try map.read("from") { n throws(ValueError) in
            let text = try Value.text(n)
            guard ["now", "oldest"].contains(text) else {
                throw ValueError("expected now or oldest")
            }
            new.fromOldest = text == "oldest"
        }
        options = new
    }

    /// A mapping of names to texts.
    static func texts(
        _ node: YAMLNode, _ what: String
    ) throws(ValueError) -> [String: String] {
        var result: [String: String] = [:]
        for pair in try MapReader(node, what).all {
            do { result[pair.key] = try Value.text(pair.value) } catch {
                throw ValueError("`\(pair.key)`: \(error.description)", at: pair.value.mark)
            }
        }
        return result
    }
}
