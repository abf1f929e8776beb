// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The series that are in memory, with their samples since the last seal.
struct Head {
    /// One series.
    struct Series {
        /// The database's id; 0 until it could be written down.
        var id: Int64
        let metric: Int
        let target: UInt32
        /// All labels, `__name__` included.
        let labels: Labels
        /// The line of `/metrics` up to the value.
        let prefix: [UInt8]
        var ticks: [UInt16] = []
        var values: [Double] = []
        var latest = 0.0
        /// The number of the last tick that had a sample, counted since the start.
        var latestTick = -1
        var isRetired = false
    }

    /// One family.
    struct Metric {
        var id: Int64
        let descriptor: MetricDescriptor
        /// Its series, as indices into `series`.
        var members: [Int] = []
    }

    /// What is measured.
    struct Target {
        var id: Int64
        let labels: Labels
        var members: [Int] = []
        var isRetired = false
    }

    /// Names a series before it has an index.
    struct Key: Hashable {
        let metric: Int
        let target: UInt32
        let name: String
        let labels: Labels
    }

    var metrics: [Metric] = []
    var metricIndex: [String: Int] = [:]
    var targets: [UInt32: Target] = [:]
    var targetIndex: [Labels: UInt32] = [:]
    var nextTarget: UInt32 = 0
    var series: [Series?] = []
    var freeSlots: [Int] = []
    var index: [Key: Int] = [:]
    /// The times of the ticks since the last seal.
    var times: [Milliseconds] = []
    /// Ticks since the start.
    var tickCount = 0

    /// Series in memory.
    var count: Int { index.count }

    mutating func add(_ one: Series, key: Key) -> Int {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            series[slot] = one
        } else {
            slot = series.count
            series.append(one)
        }
        index[key] = slot
        metrics[one.metric].members.append(slot)
        targets[one.target]?.members.append(slot)
        return slot
    }

    /// Forgets the samples that were sealed, and all of the targets that are gone.
    mutating func clearSealed() {
        times.removeAll(keepingCapacity: true)
        for i in series.indices {
            series[i]?.ticks.removeAll(keepingCapacity: true)
            series[i]?.values.removeAll(keepingCapacity: true)
        }
        for (ref, target) in targets where target.isRetired {
            for slot in target.members {
                series[slot] = nil
                freeSlots.append(slot)
            }
            targets[ref] = nil
            if targetIndex[target.labels] == ref { targetIndex[target.labels] = nil }
        }
        index = index.filter { series[$0.value] != nil }
        for i in metrics.indices { metrics[i].members.removeAll { series[$0] == nil } }
    }
}
