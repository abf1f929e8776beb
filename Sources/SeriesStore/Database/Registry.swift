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
            "SELECT id FROM series WHERE target = ? AND metric = ? AND name = ? AND labels = ?")
        bind(select, target, metric, name, bytes)
        if try select.step() { return finish(select) }
        let insert = try database.prepare(
            "INSERT INTO series (target, metric, name, labels) VALUES (?, ?, ?, ?)")
        bind(insert, target, metric, name, bytes)
        try insert.run()
        return database.lastInserted
    }

    /// Adds the series with larger ids than `last`, and their targets, to an index.
    static func read(
        after last: Int64, into index: inout SeriesIndex, from database: Database
    ) throws(StoreError) {
        let select = try database.prepare(
            "SELECT id, metric, target, name, labels FROM series WHERE id > ? ORDER BY id")
        let target = try database.prepare("SELECT labels FROM target WHERE id = ?")
        select.bind(1, last)
        defer { select.reset() }
        while try select.step() {
            let id = select.integer(2)
            if !index.knows(target: id) {
                target.bind(1, id)
                defer { target.reset() }
                guard try target.step() else { continue }
                index.add(target: id, target.withBlob(0) { LabelsCoding.decode($0) })
            }
            index.add(
                series: select.integer(0), metric: select.integer(1), target: id,
                name: select.text(3), own: select.withBlob(4) { LabelsCoding.decode($0) })
        }
    }

    private static func finish(_ statement: Statement) -> Int64 {
        defer { statement.reset() }
        return statement.integer(0)
    }

    private static func bind(
        _ statement: Statement, _ target: Int64, _ metric: Int64, _ name: String, _ labels: [UInt8]
    ) {
        statement.bind(1, target)
        statement.bind(2, metric)
        statement.bind(3, name)
        statement.bind(4, labels)
    }
}
