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
        let head = core.headColumns(compiled, in: range)
        var found: [Labels: StoredCursor] = [:]
        for (labels, runs) in try core.storedRuns(compiled, in: range) {
            let cursor = found[labels] ?? StoredCursor(range: range)
            for run in runs { cursor.add(run) }
            found[labels] = cursor
        }
        for (order, (labels, column)) in head.enumerated() {
            let cursor = found[labels] ?? StoredCursor(range: range)
            cursor.add(StoredRun(column, order: order))
            found[labels] = cursor
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
        core.state.withLock { $0.table.metrics.map(\.descriptor) }.sorted { $0.name < $1.name }
    }
}

extension StoreCore {
    /// What the segments have of the series that match, by series of the database.
    func storedRuns(
        _ matchers: CompiledMatchers, in range: TimeRange
    ) throws -> [(labels: Labels, runs: [StoredRun])] {
        let generation = generation.load(ordering: .acquiring)
        let (stored, damaged) = try reader.withLock { reader in
            let buckets = try Bucket.all(in: range, from: reader.database)
            guard !buckets.isEmpty else { return ([(labels: Labels, runs: [StoredRun])](), 0) }
            let rows = try reader.catalogue.matching(
                matchers, generation: generation, from: reader.database)
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

    /// What memory has of the series that match: sections that wait, oldest first, then the one
    /// that is being filled.
    func headColumns(
        _ matchers: CompiledMatchers, in range: TimeRange
    ) -> [(labels: Labels, column: HeadColumn)] {
        let (sections, current) = state.withLock { state in
            var current: [(labels: Labels, column: HeadColumn)] = []
            for slot in state.table.matching(matchers) {
                let place = state.places[Int(slot.slot)]
                guard place.section == state.section else { continue }
                let stretch = state.timelines[place.timeline].stretch
                guard let first = stretch.times.first, first <= range.end else { continue }
                current.append((slot.labels, stretch.snapshot(Int(place.column))))
            }
            return (state.sealing, current)
        }
        var found: [(labels: Labels, column: HeadColumn)] = []
        for section in sections {
            guard let first = section.first, first <= range.end, let last = section.last,
                last >= range.start
            else { continue }
            var labels: [UInt32: Labels] = [:]
            for one in section.table.matching(matchers) { labels[one.slot] = one.labels }
            for (_, stretch) in section.stretches {
                for (column, slot) in stretch.columns.enumerated() {
                    if let labels = labels[slot] {
                        found.append((labels, stretch.snapshot(column)))
                    }
                }
            }
        }
        return found + current
    }
}

extension SeriesTable {
    /// The series that match, with their labels.
    func matching(_ matchers: CompiledMatchers) -> [(slot: UInt32, labels: Labels)] {
        var found: [(slot: UInt32, labels: Labels)] = []
        for metric in metrics {
            // A family's samples have its name, or that with an ending.
            if let name = matchers.metricName, !name.utf8.starts(with: metric.descriptor.name.utf8)
            {
                continue
            }
            for slot in metric.members {
                let one = series[Int(slot)]
                if let name = matchers.metricName, identities[one.identity]?.name != name {
                    continue
                }
                let labels = labels(of: slot)
                if matchers.match(labels) { found.append((slot, labels)) }
            }
        }
        return found
    }
}

extension SeriesStore: ExpositionSource {
    /// See `ExpositionSource`.
    public func expose(_ request: ExpositionRequest, into output: inout [UInt8]) throws {
        let selectors = try request.selectors.map { try CompiledMatchers($0) }
        core.state.withLock { $0.expose(request, selectors, into: &output) }
        if request.format.isOpenMetrics { output += "# EOF\n".utf8 }
    }
}

extension StoreCore.State {
    fileprivate mutating func expose(
        _ request: ExpositionRequest, _ selectors: [CompiledMatchers], into output: inout [UInt8]
    ) {
        let metrics = table.metrics
        for metric in metrics.sorted(by: { $0.descriptor.name < $1.descriptor.name }) {
            guard request.includes(metric.descriptor.name) else { continue }
            var isFirst = true
            for slot in metric.members {
                let one = table.series[Int(slot)]
                guard let value = latest(slot), let target = table.targets[one.target],
                    !target.isRetired, let identity = table.identities[one.identity]
                else { continue }
                if !selectors.isEmpty {
                    let labels = table.labels(of: slot)
                    guard selectors.contains(where: { $0.match(labels) }) else { continue }
                }
                if isFirst {
                    ExpositionText.appendHeader(
                        metric.descriptor, format: request.format,
                        isNameTaken: { table.metricNumbers[$0] != nil }, to: &output)
                }
                isFirst = false
                if identity.labels.isEmpty {
                    ExpositionText.appendName(identity.name, to: &output)
                    output += target.rendered
                } else {
                    output += ExpositionText.linePrefix(
                        name: identity.name, labels: target.labels.merging(identity.labels))
                }
                ExpositionText.append(value, to: &output)
                output.append(0x0a)
            }
        }
    }
}
