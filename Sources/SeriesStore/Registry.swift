// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Writes down targets, metrics and series, and reads them back.
enum Registry {
    /// The id of a target with these labels, made if there is none.
    static func target(_ labels: Labels, in database: Database) throws(StoreError) -> Int64 {
        let bytes = LabelsCoding.encode(labels)
        let select = try database.prepare("SELECT id FROM target WHERE labels = ?")
        select.bind(1, bytes)
        if try select.step() { return finish(select) }
        let insert = try database.prepare("INSERT INTO target (labels) VALUES (?)")
        insert.bind(1, bytes)
        try insert.run()
        return database.lastInserted
    }

    /// The id of a metric, made if there is none.
    static func metric(_ metric: MetricDescriptor, in database: Database) throws(StoreError)
        -> Int64
    {
        let select = try database.prepare("SELECT id FROM metric WHERE name = ?")
        select.bind(1, metric.name)
        if try select.step() { return finish(select) }
        let insert = try database.prepare(
            "INSERT INTO metric (name, type, unit, help) VALUES (?, ?, ?, ?)")
        insert.bind(1, metric.name)
        insert.bind(2, metric.type.rawValue)
        insert.bind(3, metric.unit)
        insert.bind(4, metric.help)
        try insert.run()
        guard database.lastInserted <= SegmentKey.largestMetric else {
            throw .tooManyMetrics(limit: Int(SegmentKey.largestMetric))
        }
        return database.lastInserted
    }

    /// The id of a series, made if there is none.
    static func series(
        metric: Int64, target: Int64, name: String, labels: Labels, in database: Database
    ) throws(StoreError) -> Int64 {
        let bytes = LabelsCoding.encode(labels)
        let select = try database.prepare(
            "SELECT id FROM series WHERE metric = ? AND target = ? AND name = ? AND labels = ?")
        bind(select, metric, target, name, bytes)
        if try select.step() { return finish(select) }
        let insert = try database.prepare(
            "INSERT INTO series (metric, target, name, labels) VALUES (?, ?, ?, ?)")
        bind(insert, metric, target, name, bytes)
        try insert.run()
        return database.lastInserted
    }

    /// Puts a series of the database into the head; its slot, or nil when the row is gone.
    static func load(_ id: Int64, from database: Database, into head: inout Head) throws(StoreError)
        -> Int?
    {
        let select = try database.prepare(
            """
            SELECT s.name, s.labels, t.id, t.labels, m.id, m.name, m.type, m.unit, m.help
            FROM series s JOIN target t ON t.id = s.target JOIN metric m ON m.id = s.metric
            WHERE s.id = ?
            """)
        select.bind(1, id)
        defer { select.reset() }
        guard try select.step() else { return nil }
        let labels = select.withBlob(1) { LabelsCoding.decode($0) }
        let targetLabels = select.withBlob(3) { LabelsCoding.decode($0) }
        let descriptor = MetricDescriptor(
            select.text(5), MetricType(rawValue: select.text(6)) ?? .unknown, unit: select.text(7),
            help: select.text(8))
        let target = head.target(targetLabels, id: select.integer(2))
        let metric = head.metric(descriptor, id: select.integer(4))
        return head.register(
            metric: metric, name: select.text(0), target: target, labels: labels, id: id)
    }

    private static func finish(_ statement: Statement) -> Int64 {
        defer { statement.reset() }
        return statement.integer(0)
    }

    private static func bind(
        _ statement: Statement, _ metric: Int64, _ target: Int64, _ name: String, _ labels: [UInt8]
    ) {
        statement.bind(1, metric)
        statement.bind(2, target)
        statement.bind(3, name)
        statement.bind(4, labels)
    }
}

extension Head {
    /// The handle of a target, made if it is new.
    mutating func target(_ labels: Labels, id: Int64) -> UInt32 {
        if let known = targetIndex[labels] {
            if targets[known]?.id == 0 { targets[known]?.id = id }
            targets[known]?.isRetired = false
            return known
        }
        let ref = nextTarget
        nextTarget += 1
        targets[ref] = Target(id: id, labels: labels)
        targetIndex[labels] = ref
        return ref
    }

    /// The index of a metric, made if it is new.
    mutating func metric(_ descriptor: MetricDescriptor, id: Int64) -> Int {
        if let known = metricIndex[descriptor.name] {
            if metrics[known].id == 0 { metrics[known].id = id }
            return known
        }
        metrics.append(Metric(id: id, descriptor: descriptor))
        metricIndex[descriptor.name] = metrics.count - 1
        return metrics.count - 1
    }

    /// The slot of a series, made if it is new.
    mutating func register(
        metric: Int, name: String, target: UInt32, labels: Labels, id: Int64
    ) -> Int {
        let key = Key(metric: metric, target: target, name: name, labels: labels)
        if let known = index[key] { return known }
        let shared = targets[target]?.labels ?? Labels()
        let own = shared.merging(labels)
        var full = own
        full[Labels.metricName] = name
        let one = Series(
            id: id, metric: metric, target: target, labels: full,
            prefix: ExpositionText.linePrefix(name: name, labels: own))
        return add(one, key: key)
    }
}
