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
        // The head first: what is sealed in between is then read twice, never missed.
        let head = headSeries(compiled)
        let stored = try storedRuns(compiled, in: range)
        var found: [Labels: StoredCursor] = [:]
        for (labels, runs) in stored {
            let cursor = found[labels] ?? StoredCursor(range: range)
            for run in runs { cursor.add(run) }
            found[labels] = cursor
        }
        for series in head {
            let cursor = found[series.labels] ?? StoredCursor(range: range)
            cursor.add(head: series.times, series.values, endsBefore: series.ended)
            found[series.labels] = cursor
        }
        return found.filter { !$0.value.isEmpty }
            .map { SelectedSeries(labels: $0.key, cursor: $0.value) }
            .sorted { $0.labels.pairs.lexicographicallyPrecedes($1.labels.pairs) }
    }

    /// See `SeriesQuerier`.
    public func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] {
        let all = try select(matchers, in: range, hints: SelectHints()).map(\.labels)
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
        state.withLock { $0.head.metrics.map(\.descriptor) }.sorted { $0.name < $1.name }
    }

    /// What the segments have of the series that match, by series of the database.
    private func storedRuns(
        _ matchers: CompiledMatchers, in range: TimeRange
    ) throws -> [(labels: Labels, runs: [StoredRun])] {
        let (stored, damaged) = try reader.withLock { reader in
            let buckets = try Bucket.all(in: range, from: reader.database)
            guard !buckets.isEmpty else { return ([(labels: Labels, runs: [StoredRun])](), 0) }
            let rows = try SeriesRow.matching(matchers, from: reader.database)
            var stored: [(labels: Labels, runs: [StoredRun])] = []
            var damaged = 0
            for (metric, members) in Dictionary(grouping: rows, by: \.metric) {
                var places: [Int64: Int] = [:]
                for row in members {
                    places[row.id] = stored.count
                    stored.append((row.labels, []))
                }
                damaged += try StoredRun.read(
                    Set(places.keys), metric: metric, in: buckets, from: reader.database
                ) { id, run in
                    if let place = places[id] { stored[place].runs.append(run) }
                }
            }
            return (stored, damaged)
        }
        if damaged > 0 { state.withLock { $0.statistics.damagedReads += damaged } }
        return stored
    }

    /// A copy of what the head has of the series that match.
    private func headSeries(
        _ matchers: CompiledMatchers
    ) -> [(labels: Labels, times: [Milliseconds], values: [Double], ended: Milliseconds?)] {
        state.withLock { state in
            let head = state.head
            return head.series.compactMap { one in
                guard let one, !one.ticks.isEmpty, matchers.match(one.labels) else { return nil }
                let times = one.ticks.map { head.times[Int($0)] }
                // The tick after the last sample, when there was one, ended the series.
                let next = Int(one.ticks.last ?? 0) + 1
                return (
                    one.labels, times, one.values, next < head.times.count ? head.times[next] : nil
                )
            }
        }
    }
}

extension SeriesStore: ExpositionSource {
    /// See `ExpositionSource`.
    public func expose(_ request: ExpositionRequest, into output: inout [UInt8]) throws {
        let selectors = try request.selectors.map { try CompiledMatchers($0) }
        state.withLock { state in
            let head = state.head
            let metrics = head.tickCount > 0 ? head.metrics : []
            for metric in metrics.sorted(by: { $0.descriptor.name < $1.descriptor.name }) {
                guard request.includes(metric.descriptor.name) else { continue }
                var isFirst = true
                for slot in metric.members {
                    guard let one = head.series[slot], one.latestTick == head.tickCount,
                        !one.isRetired,
                        selectors.isEmpty || selectors.contains(where: { $0.match(one.labels) })
                    else { continue }
                    if isFirst {
                        ExpositionText.appendHeader(
                            metric.descriptor, format: request.format,
                            isNameTaken: { head.metricIndex[$0] != nil }, to: &output)
                    }
                    isFirst = false
                    output += one.prefix
                    ExpositionText.append(one.latest, to: &output)
                    output.append(0x0a)
                }
            }
        }
        if request.format.isOpenMetrics { output += "# EOF\n".utf8 }
    }
}

/// A series as the database has it.
struct SeriesRow {
    let id: Int64
    let metric: Int64
    let labels: Labels

    static func matching(
        _ matchers: CompiledMatchers, from database: Database
    ) throws(StoreError) -> [SeriesRow] {
        let byName = matchers.metricName.map { _ in " WHERE s.name = ?" } ?? ""
        let select = try database.prepare(
            "SELECT s.id, s.metric, s.name, s.labels, t.labels FROM series s "
                + "JOIN target t ON t.id = s.target" + byName)
        if let name = matchers.metricName { select.bind(1, name) }
        defer { select.reset() }
        var rows: [SeriesRow] = []
        while try select.step() {
            let shared = select.withBlob(4) { LabelsCoding.decode($0) }
            var labels = shared.merging(select.withBlob(3) { LabelsCoding.decode($0) })
            labels[Labels.metricName] = select.text(2)
            guard matchers.match(labels) else { continue }
            rows.append(SeriesRow(id: select.integer(0), metric: select.integer(1), labels: labels))
        }
        return rows
    }
}
