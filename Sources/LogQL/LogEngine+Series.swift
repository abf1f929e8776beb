// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL

/// What there is, by the store's index alone.
extension LogEngine {
    /// How much a selector takes.
    public struct Statistics: Hashable, Sendable {
        /// Streams.
        public var streams = 0
        /// Blocks, entries and bytes.
        public var extent = LogExtent()
    }

    /// The streams that a selector takes and that may have lines between two times, the last
    /// included; in order. All of them for no matcher.
    public func series(
        _ matchers: [Matcher], from start: Int64, to end: Int64
    ) throws(QueryError) -> [Labels] {
        var found: Set<Labels> = []
        try forEachLog(matchers, from: start, to: end) { labels, _ in
            for labels in labels { found.insert(labels) }
        }
        return found.sorted { $0.precedes($1) }
    }

    /// The names of the streams' labels.
    public func labelNames(
        _ matchers: [Matcher], from start: Int64, to end: Int64
    ) throws(QueryError) -> [String] {
        let all = try series(matchers, from: start, to: end)
        return Set(all.flatMap { $0.pairs.map(\.name) }).sorted(by: precedes)
    }

    /// The values of one label.
    public func labelValues(
        of name: String, _ matchers: [Matcher], from start: Int64, to end: Int64
    ) throws(QueryError) -> [String] {
        let all = try series(matchers, from: start, to: end)
        return Set(all.map { $0[name] }.filter { !$0.isEmpty }).sorted(by: precedes)
    }

    private func precedes(_ a: String, _ b: String) -> Bool {
        a.utf8.lexicographicallyPrecedes(b.utf8)
    }

    /// How much a selector takes.
    public func statistics(
        _ matchers: [Matcher], from start: Int64, to end: Int64
    ) throws(QueryError) -> Statistics {
        var statistics = Statistics()
        try forEachLog(matchers, from: start, to: end) { labels, extent in
            statistics.streams += labels.count
            statistics.extent.add(extent)
        }
        return statistics
    }

    /// Bytes by labels, the most first. `names` are the labels; for nil those that the selector
    /// names. Labels that a block does not have in common, as the level, need the text to be read:
    /// nil then.
    public func volumes(
        _ matchers: [Matcher], by names: [String]?, from start: Int64, to end: Int64, limit: Int
    ) throws(QueryError) -> [(labels: Labels, bytes: Int)]? {
        let names = Set(names ?? matchers.map(\.name))
        let ofEntries: Set = [StreamLabels.output, StreamLabels.level]
        guard ofEntries.isDisjoint(with: names.union(matchers.map(\.name))) else { return nil }
        var volumes: [Labels: Int] = [:]
        try forEachLog(matchers, from: start, to: end) { labels, extent in
            guard let first = labels.first else { return }
            let key = Labels(sorted: first.pairs.filter { names.contains($0.name) })
            if !key.isEmpty { volumes[key, default: 0] += extent.bytes }
        }
        return volumes.map { ($0.key, $0.value) }.sorted {
            $0.1 == $1.1 ? $0.0.precedes($1.0) : $0.1 > $1.1
        }.prefix(limit).map { $0 }
    }

    /// Calls `body` for each log with lines, with its streams that the selector takes.
    private func forEachLog(
        _ matchers: [Matcher], from start: Int64, to end: Int64,
        _ body: ([Labels], LogExtent) -> Void
    ) throws(QueryError) {
        do {
            let streams = try KnownStreams(matchers, among: try querier.logs([]))
            let extents = try querier.extents(streams.identities, from: start, to: end)
            for (log, extent) in extents.enumerated() where extent.entries > 0 {
                body(streams.streams(of: log, extent.streams, extent.levels), extent)
            }
        } catch let error as QueryError {
            throw error
        } catch {
            throw QueryError(.execution, "\(error)")
        }
    }
}
