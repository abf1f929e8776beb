// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
public import Model
import Synchronization

extension SeriesStore: SeriesQuerier {
    /// See `SeriesQuerier`. Segments are read at once and decoded one at a time by the cursors.
    public func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        let compiled = try CompiledMatchers(matchers)
        // Memory first: what is sealed in between is then read twice, never missed.
        let head = core.headSeries(compiled, in: range)
        let received = core.received.runs(compiled, in: range)
        let (stored, tier) = try core.storedSeries(compiled, in: range, hints, head)
        let series = HeadSeries.merge(stored, received)
        let reach = hints.looksBack ? 2 * tier.resolution : 0
        let wider = TimeRange(
            start: range.start < .min / 2 ? range.start : range.start - reach, end: range.end)
        let isInstant = hints.looksBack && hints.step == 0 && hints.window == 0
        return series.map {
            SelectedSeries(
                labels: $0.labels,
                cursor: StoredCursor($0.runs, range: wider, isNewestWanted: isInstant),
                resolution: tier.resolution)
        }
    }

    /// See `SeriesQuerier`.
    public func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] {
        let compiled = try CompiledMatchers(matchers)
        let head = core.headSeries(compiled, in: range)
        let received = core.received.runs(compiled, in: range)
        let stored = try core.stored { reader throws(StoreError) in
            try reader.names(compiled, in: range)
        }
        let sampled = HeadSeries.add(head, to: stored, core.headOrders)
        let all = HeadSeries.merge(sampled, received).map(\.labels)
        return limit > 0 ? Array(all.prefix(limit)) : all
    }

    /// See `SeriesQuerier`.
    public func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] {
        var names: Set<String> = []
        for labels in try series(matchers, in: range, limit: 0) {
            for label in labels.pairs { names.insert(label.name) }
        }
        return names.sorted()
    }

    /// See `SeriesQuerier`.
    public func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String] {
        let values = try series(matchers, in: range, limit: 0).map { $0[name] }
        return Set(values.filter { !$0.isEmpty }).sorted()
    }

    /// See `SeriesQuerier`.
    public func metadata() throws -> [MetricDescriptor] {
        let sampled = core.state.withLock { $0.table.metrics.map(\.descriptor) }
        let known = Set(sampled.map(\.name))
        let received = core.received.descriptors().filter { !known.contains($0.name) }
        return (sampled + received).sorted { $0.name < $1.name }
    }
}

extension StoreCore {
    /// What segments and memory have of the series that match, by labels.
    func storedSeries(
        _ matchers: CompiledMatchers, in range: TimeRange, _ hints: SelectHints,
        _ head: [HeadSeries]
    ) throws -> (series: [StoredSeries], tier: Tier) {
        let (stored, tier) = try stored { reader throws(StoreError) in
            try reader.select(matchers, in: range, hints: hints)
        }
        return (HeadSeries.add(head, to: stored, headOrders), tier)
    }

    /// What `body` reads; segments that it found damaged are counted.
    func stored<T: Sendable>(
        _ body: (inout StoreReader) throws(StoreError) -> T
    ) throws(StoreError) -> T {
        let (result, damaged) = try reader.withLock { reader throws(StoreError) in
            (try body(&reader), reader.takeDamaged())
        }
        if damaged > 0 { state.withLock { $0.statistics.damagedReads += damaged } }
        return result
    }
}
