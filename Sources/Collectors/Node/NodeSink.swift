// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// Where the host's collectors put their samples: one batch, and the handles behind it.
struct NodeSink {
    var batch: Batch
    let appender: any Appender
    let targets: TargetPool
    /// Series that could not be registered in this tick.
    var refused = 0

    /// Adds a sample of the series in `slot`, registering it at its first.
    mutating func put(
        _ value: Double, _ slot: inout SeriesRef?, _ metric: @autoclosure () -> MetricDescriptor,
        target: TargetRef? = nil, _ labels: @autoclosure () -> Labels = Labels()
    ) {
        if let slot { return batch.append(slot, value) }
        do {
            let target = try target ?? targets.take([:], appender)
            let ref = try appender.series(metric(), target: target, labels: labels())
            slot = ref
            batch.append(ref, value)
        } catch {
            refused += 1
        }
    }
}

/// The targets the host's collectors share: `device="sda"` of a disk and of a network device is one
/// target, which is retired when the last of its users is gone.
final class TargetPool {
    private var known: [Labels: (ref: TargetRef, users: Int)] = [:]

    func take(_ labels: Labels, _ appender: any Appender) throws -> TargetRef {
        if let found = known[labels] {
            known[labels]?.users += 1
            return found.ref
        }
        let ref = try appender.target(labels)
        known[labels] = (ref, 1)
        return ref
    }

    func give(_ labels: Labels, _ appender: any Appender) {
        guard let found = known[labels] else { return }
        // The host's own target, without labels, is the agent's too and never goes.
        if found.users > 1 || labels.isEmpty {
            known[labels]?.users -= 1
        } else {
            known[labels] = nil
            appender.retire(found.ref)
        }
    }
}

/// Finds a name's position without making a string. A kernel file has its names in the same order
/// at each reading, so the first guess, the name after the last one found, nearly always holds.
struct NameIndex {
    private var names: [[UInt8]] = []
    private var next = 0

    /// Starts again at the first name.
    mutating func rewind() { next = 0 }

    /// The position of a name; nil when it is new.
    mutating func find(_ name: UnsafeRawBufferPointer) -> Int? {
        let count = names.count
        for step in 0..<count {
            let at = (next + step) % count
            if names[at].count == name.count, names[at].elementsEqual(name) {
                next = at + 1
                return at
            }
        }
        return nil
    }

    /// Adds a name at the end, or where `reusing` says.
    mutating func add(_ name: UnsafeRawBufferPointer, reusing free: Int? = nil) -> Int {
        if let free {
            names[free] = Array(name)
            return free
        }
        names.append(Array(name))
        next = names.count
        return names.count - 1
    }

    /// Forgets a name, whose position can be used again.
    mutating func remove(_ at: Int) { names[at] = [] }
}

/// Series whose metric is the key of a line, such as those of meminfo.
struct KeyedSeries {
    private var names = NameIndex()
    private var rows: [(metric: MetricDescriptor?, series: SeriesRef?)] = []
    /// The metric of a key, nil when it is not exported.
    private let metric: (String) -> MetricDescriptor?

    /// Keys a file may have; more are counted as refused.
    static let limit = 1024

    init(_ metric: @escaping (String) -> MetricDescriptor?) { self.metric = metric }

    mutating func rewind() { names.rewind() }

    mutating func put(_ value: Double, _ key: UnsafeRawBufferPointer, _ sink: inout NodeSink) {
        let at: Int
        if let known = names.find(key) {
            at = known
        } else {
            guard rows.count < Self.limit else {
                sink.refused += 1
                return
            }
            at = names.add(key)
            rows.append((metric(String(decoding: key, as: UTF8.self)), nil))
        }
        guard let metric = rows[at].metric else { return }
        sink.put(value, &rows[at].series, metric)
    }
}

/// One row of series for each device a file names; a device that goes takes its series along.
struct DeviceSeries {
    private struct Row {
        var labels = Labels()
        var target: TargetRef?
        var series: [SeriesRef?] = []
        var isSeen = false
        var isExported = false
    }

    private let label: String
    private let columns: [(metric: MetricDescriptor, labels: Labels)]
    private let accepts: (String) -> Bool
    private var names = NameIndex()
    private var rows: [Row] = []
    private var free: [Int] = []

    /// Devices a file may have; more are counted as refused.
    static let limit = 16384

    init(
        label: String, _ columns: [(metric: MetricDescriptor, labels: Labels)],
        accepts: @escaping (String) -> Bool = { _ in true }
    ) {
        self.label = label
        self.columns = columns
        self.accepts = accepts
    }

    init(
        label: String, _ metrics: [MetricDescriptor],
        accepts: @escaping (String) -> Bool = { _ in true }
    ) {
        self.init(label: label, metrics.map { ($0, Labels()) }, accepts: accepts)
    }

    mutating func begin() {
        names.rewind()
        for i in rows.indices { rows[i].isSeen = false }
    }

    /// The row of a device, made if it is new; nil when the device is not exported.
    mutating func row(_ name: UnsafeRawBufferPointer, _ sink: inout NodeSink) -> Int? {
        let at: Int
        if let known = names.find(name) {
            at = known
        } else {
            guard rows.count < Self.limit || !free.isEmpty else {
                sink.refused += 1
                return nil
            }
            at = names.add(name, reusing: free.popLast())
            if at == rows.count { rows.append(Row()) }
            let text = String(decoding: name, as: UTF8.self)
            var row = Row()
            row.labels[label] = text
            row.isExported = accepts(text)
            row.series = Array(repeating: nil, count: row.isExported ? columns.count : 0)
            rows[at] = row
        }
        rows[at].isSeen = true
        guard rows[at].isExported else { return nil }
        if rows[at].target == nil {
            rows[at].target = try? sink.targets.take(rows[at].labels, sink.appender)
            if rows[at].target == nil { sink.refused += 1 }
        }
        return rows[at].target == nil ? nil : at
    }

    mutating func put(_ value: Double, row: Int, column: Int, _ sink: inout NodeSink) {
        sink.put(
            value, &rows[row].series[column], columns[column].metric, target: rows[row].target,
            columns[column].labels)
    }

    /// Retires the devices that were not seen since `begin`.
    mutating func end(_ sink: inout NodeSink) {
        for i in rows.indices where !rows[i].isSeen && !free.contains(i) {
            if rows[i].target != nil { sink.targets.give(rows[i].labels, sink.appender) }
            rows[i] = Row()
            names.remove(i)
            free.append(i)
        }
    }
}
