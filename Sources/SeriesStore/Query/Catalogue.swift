// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
import Model

/// A series as the database has it.
struct SeriesRow: Sendable {
    let id: Int64
    let metric: Int64
    let target: Int64
    let labels: Labels
}

/// The series of the metrics that were asked for of late, so that a query does not read their names
/// from the database again. Bounded; emptied when rows were added or deleted.
struct Catalogue {
    /// Rows kept at most, which take about 300 bytes each.
    private static let capacity = 50_000

    private var generation = -1
    private var byName: [String: [SeriesRow]] = [:]
    private var count = 0

    /// The series that match; `generation` says whether what is kept is still true.
    mutating func matching(
        _ matchers: CompiledMatchers, generation: Int, from database: Database
    ) throws(StoreError) -> [SeriesRow] {
        if generation != self.generation {
            byName.removeAll()
            count = 0
            self.generation = generation
        }
        guard let name = matchers.metricName else {
            return try Self.read(nil, from: database) { matchers.match($0) }
        }
        if let known = byName[name] { return known.filter { matchers.match($0.labels) } }
        let rows = try Self.read(name, from: database) { _ in true }
        if count + rows.count > Self.capacity {
            byName.removeAll()
            count = 0
        }
        if rows.count <= Self.capacity {
            byName[name] = rows
            count += rows.count
        }
        return rows.filter { matchers.match($0.labels) }
    }

    private static func read(
        _ name: String?, from database: Database, where isWanted: (Labels) -> Bool
    ) throws(StoreError) -> [SeriesRow] {
        let select = try database.prepare(
            "SELECT s.id, s.metric, s.target, s.name, s.labels, t.labels FROM series s "
                + "JOIN target t ON t.id = s.target" + (name == nil ? "" : " WHERE s.name = ?"))
        if let name { select.bind(1, name) }
        defer { select.reset() }
        var shared: [Int64: Labels] = [:]
        var rows: [SeriesRow] = []
        while try select.step() {
            let target = select.integer(2)
            let base = shared[target] ?? select.withBlob(5) { LabelsCoding.decode($0) }
            shared[target] = base
            var labels = base.merging(select.withBlob(4) { LabelsCoding.decode($0) })
            labels[Labels.metricName] = select.text(3)
            guard isWanted(labels) else { continue }
            rows.append(
                SeriesRow(
                    id: select.integer(0), metric: select.integer(1), target: target,
                    labels: labels))
        }
        return rows
    }
}
