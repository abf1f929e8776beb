// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// The lines of one log that have all labels of the store in common: their output, their level.
final class KnownStream {
    /// The container's id.
    let id: String
    /// Whether a query's selector takes them.
    let isSelected: Bool
    /// The stream's labels.
    let labels: Labels
    /// What else is known of each line.
    let metadata: [Label]
    /// The query's number for what these lines go into, once there is one.
    var target: Int?

    init(id: String, isSelected: Bool, labels: Labels, metadata: [Label]) {
        self.id = id
        self.isSelected = isSelected
        self.labels = labels
        self.metadata = metadata
    }
}

/// The streams that a selector takes. A stream is what one container wrote to one output at one
/// level; labels are made when its first line is met.
final class KnownStreams {
    /// The logs that hold any of them.
    private(set) var identities: [LogIdentity] = []
    /// Which outputs and levels they have, for the store; empty for all.
    private(set) var outputs: Set<LogStream> = []
    private(set) var levels: Set<LogLevel> = []

    private let matchers: CompiledMatchers
    /// For each log its streams' labels, and those that selectors are tried on.
    private var bases: [(shown: Labels, tried: Labels)] = []
    private var known: [KnownStream?]

    private static let perLog = 2 * 2 * (Int(LogLevel.fatal.rawValue) + 1)

    init(_ selector: [Matcher], among all: [LogIdentity]) throws(PatternError) {
        matchers = try CompiledMatchers(selector)
        let names = Set(selector.map(\.name))
        let byOutput = names.contains(StreamLabels.output)
        let byLevel = names.contains(StreamLabels.level)
        var outputs: Set<LogStream> = []
        var levels: Set<LogLevel> = []
        for identity in all {
            let base = (
                shown: StreamLabels.base(identity), tried: StreamLabels.tried(identity)
            )
            var isSelected = false
            for output in byOutput ? [LogStream.stdout, .stderr] : [.stdout] {
                for level in byLevel ? LogLevel.allCases : [.unknown] {
                    guard matchers.match(StreamLabels.of(base.tried, output, level)) else {
                        continue
                    }
                    isSelected = true
                    outputs.insert(output)
                    levels.insert(level)
                }
            }
            guard isSelected else { continue }
            identities.append(identity)
            bases.append(base)
        }
        if byOutput, outputs.count == 1 { self.outputs = outputs }
        if byLevel, levels.count < LogLevel.allCases.count { self.levels = levels }
        known = [KnownStream?](repeating: nil, count: identities.count * Self.perLog)
    }

    /// The stream of an entry that came from `identities`.
    func stream(of entry: LogEntry) -> KnownStream {
        stream(of: entry.origin, entry.stream, entry.level, isGap: entry.isGap)
    }

    /// The stream of the entries of a log that have these in common.
    func stream(
        of log: Int, _ output: LogStream, _ level: LogLevel, isGap: Bool
    ) -> KnownStream {
        let place =
            log * Self.perLog + (output == .stderr ? 1 : 0) + (isGap ? 2 : 0)
            + 4 * Int(level.rawValue)
        if let stream = known[place] { return stream }
        let base = bases[log]
        let stream = KnownStream(
            id: identities[log].id,
            isSelected: matchers.match(StreamLabels.of(base.tried, output, level)),
            labels: StreamLabels.of(base.shown, output, level),
            metadata: StreamLabels.metadata(identities[log], level, isGap: isGap))
        known[place] = stream
        return stream
    }

    /// The labels of a log's streams that have one of these outputs and levels and are taken.
    func streams(of log: Int, _ outputs: Set<LogStream>, _ levels: Set<LogLevel>) -> [Labels] {
        var result: [Labels] = []
        for output in [LogStream.stdout, .stderr] where outputs.contains(output) {
            for level in LogLevel.allCases where levels.contains(level) {
                if matchers.match(StreamLabels.of(bases[log].tried, output, level)) {
                    result.append(StreamLabels.of(bases[log].shown, output, level))
                }
            }
        }
        return result
    }
}

/// The labels that an entry has.
enum StreamLabels {
    /// The label that says which output a line was written to.
    static let output = "stream"
    /// The label that says how serious a line is.
    static let level = "level"

    /// What is the same for all entries of a log. `service_name` is what Loki calls the label by
    /// which Grafana's log views group.
    static func base(_ identity: LogIdentity) -> Labels {
        var labels = Labels()
        for label in identity.streamLabels.pairs {
            labels[LabelName.plain(label.name.utf8)] = label.value
        }
        if labels[service].isEmpty {
            let name = labels["compose_service"]
            labels[service] = name.isEmpty ? labels["container"] : name
        }
        return labels
    }

    private static let service = "service_name"

    /// What selectors are tried on: beside the streams' labels the id, the name and the
    /// container's own labels, under names that a query can write.
    static func tried(_ identity: LogIdentity) -> Labels {
        var labels = Labels()
        for label in identity.selectable.pairs {
            labels[LabelName.plain(label.name.utf8)] = label.value
        }
        return labels.merging(base(identity))
    }

    /// With what an entry adds.
    static func of(_ base: Labels, _ output: LogStream, _ level: LogLevel) -> Labels {
        var labels = base
        labels[Self.output] = output.name
        labels[Self.level] = level.name
        return labels
    }

    /// What is known of an entry beside its stream.
    static func metadata(_ identity: LogIdentity, _ level: LogLevel, isGap: Bool) -> [Label] {
        var labels = [
            Label(name: "container_id", value: identity.id),
            Label(name: "detected_level", value: level.name),
        ]
        if isGap { labels.append(Label(name: "gap", value: "true")) }
        return labels
    }
}
