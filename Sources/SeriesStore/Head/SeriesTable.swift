// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// What the samples in memory belong to: metrics, targets and series, by number.
///
/// Labels are kept once for each target and each kind of series, so a series is 24 bytes. A value
/// type: a frozen section keeps the table as it was.
struct SeriesTable: Sendable {
    /// A family.
    struct Metric: Sendable {
        /// The database's id; 0 until it is written down.
        var id: Int64 = 0
        let descriptor: MetricDescriptor
        /// How much its samples are worth on a full disk.
        let worth: SampleWorth
        var members: [UInt32] = []
        /// What stands before its samples in the text formats, and in OpenMetrics.
        fileprivate(set) var headers: (text: [UInt8], openMetrics: [UInt8]) = ([], [])

        init(_ descriptor: MetricDescriptor) {
            self.descriptor = descriptor
            worth = SampleWorth(metric: descriptor.name)
        }
    }

    /// What is measured.
    struct Target: Sendable {
        var id: Int64 = 0
        let labels: Labels
        /// `{a="x",b="y"} `, for series without labels of their own.
        let rendered: [UInt8]
        var members: [UInt32] = []
        var isRetired = false
        /// Whether it is a series that a rule made: those name themselves. They are for queries; a
        /// server that scrapes has rules of its own.
        var isDerived: Bool { !labels[Labels.metricName].isEmpty }
    }

    /// What sets a series apart within its metric and target. Shared by all targets that have it.
    struct Identity: Hashable, Sendable {
        let name: String
        let labels: Labels
    }

    /// One series. A free slot has the metric `none`.
    struct Series: Sendable {
        var id: Int64 = 0
        var metric: UInt32
        var target: UInt32
        var identity: UInt32
        /// Whether a label of its own is called as one of its target's, which it then replaces.
        var hasOverlap = false
    }

    static let none = UInt32.max

    private(set) var metrics: [Metric] = []
    private(set) var metricNumbers: [String: UInt32] = [:]
    /// The metrics in the order of their names.
    private(set) var sortedMetrics: [UInt32] = []
    private(set) var targets: [UInt32: Target] = [:]
    private var targetNumbers: [Labels: UInt32] = [:]
    private var nextTarget: UInt32 = 0
    private(set) var identities: [UInt32: Identity] = [:]
    private var identityNumbers: [Identity: UInt32] = [:]
    private var nextIdentity: UInt32 = 0
    private(set) var series: [Series] = []
    private var freeSlots: [UInt32] = []

    /// Above every number of a target, and of an identity.
    var targetNumberLimit: Int { Int(nextTarget) }
    var identityNumberLimit: Int { Int(nextIdentity) }

    /// Series in memory.
    var count: Int { series.count - freeSlots.count }

    /// The number of a target, made if it is new.
    mutating func target(_ labels: Labels) -> UInt32 {
        if let known = targetNumbers[labels] {
            targets[known]?.isRetired = false
            return known
        }
        let number = nextTarget
        nextTarget += 1
        targets[number] = Target(
            labels: labels, rendered: ExpositionText.linePrefix(name: "", labels: labels))
        targetNumbers[labels] = number
        return number
    }

    /// The number of a metric, made if it is new.
    mutating func metric(_ descriptor: MetricDescriptor) -> UInt32 {
        if let known = metricNumbers[descriptor.name] { return known }
        metrics.append(Metric(descriptor))
        let number = UInt32(metrics.count - 1)
        metricNumbers[descriptor.name] = number
        let place = sortedMetrics.firstIndex { metrics[Int($0)].descriptor.name > descriptor.name }
        sortedMetrics.insert(number, at: place ?? sortedMetrics.count)
        renderHeaders(number)
        // In OpenMetrics the family of a counter must not be called as another metric is.
        if let counter = metricNumbers[descriptor.name + "_total"] { renderHeaders(counter) }
        return number
    }

    private mutating func renderHeaders(_ number: UInt32) {
        func header(_ format: ExpositionFormat) -> [UInt8] {
            var bytes: [UInt8] = []
            ExpositionText.appendHeader(
                metrics[Int(number)].descriptor, format: format,
                isNameTaken: { metricNumbers[$0] != nil }, to: &bytes)
            return bytes
        }
        metrics[Int(number)].headers = (header(.text100), header(.openMetrics100))
    }

    /// The number of an identity, made if it is new.
    mutating func identity(_ one: Identity) -> UInt32 {
        if let known = identityNumbers[one] { return known }
        let number = nextIdentity
        nextIdentity += 1
        identities[number] = one
        identityNumbers[one] = number
        return number
    }

    /// The slot of a series that is known.
    func find(metric: UInt32, target: UInt32, identity: UInt32) -> UInt32? {
        targets[target]?.members.first {
            series[Int($0)].metric == metric && series[Int($0)].identity == identity
        }
    }

    /// The slot of a series, made if it is new; nil when its target is gone.
    mutating func register(metric: UInt32, target: UInt32, identity: UInt32) -> UInt32? {
        guard targets[target] != nil else { return nil }
        if let known = find(metric: metric, target: target, identity: identity) { return known }
        var one = Series(metric: metric, target: target, identity: identity)
        if let own = identities[identity]?.labels, !own.isEmpty, let shared = targets[target] {
            one.hasOverlap = ExpositionText.hasOverlap(shared.labels, own)
        }
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
            series[Int(slot)] = one
        } else {
            slot = UInt32(series.count)
            series.append(one)
        }
        metrics[Int(metric)].members.append(slot)
        targets[target]?.members.append(slot)
        return slot
    }

    /// All labels of a series, `__name__` included.
    func labels(of slot: UInt32) -> Labels {
        let one = series[Int(slot)]
        return Self.labels(
            targets[one.target]?.labels ?? Labels(),
            identities[one.identity] ?? Identity(name: "", labels: Labels()))
    }

    /// The labels of a series of a target with the labels `shared`.
    static func labels(_ shared: Labels, _ identity: Identity) -> Labels {
        var labels = identity.labels.isEmpty ? shared : shared.merging(identity.labels)
        labels[Labels.metricName] = identity.name
        return labels
    }

    /// Says that a target is gone.
    mutating func retire(_ target: UInt32) { targets[target]?.isRetired = true }

    mutating func retireAll() { for number in targets.keys { targets[number]?.isRetired = true } }

    /// Forgets the targets that are gone, with their series; gives the slots that are free now.
    mutating func prune() -> [UInt32] {
        var freed: [UInt32] = []
        for (number, target) in targets where target.isRetired {
            freed += target.members
            targets[number] = nil
            targetNumbers[target.labels] = nil
        }
        guard !freed.isEmpty else { return [] }
        for slot in freed { series[Int(slot)].metric = Self.none }
        for i in metrics.indices {
            metrics[i].members.removeAll { series[Int($0)].metric == Self.none }
        }
        freeSlots += freed
        var used: Set<UInt32> = []
        for one in series where one.metric != Self.none { used.insert(one.identity) }
        identities = identities.filter { used.contains($0.key) }
        identityNumbers = identityNumbers.filter { used.contains($0.value) }
        return freed
    }

    /// Takes over the ids that a section got when it was sealed.
    mutating func takeIDs(from sealed: SeriesTable) {
        for i in metrics.indices where metrics[i].id == 0 && i < sealed.metrics.count {
            metrics[i].id = sealed.metrics[i].id
        }
        for (number, target) in sealed.targets where targets[number]?.id == 0 {
            targets[number]?.id = target.id
        }
        for slot in series.indices where slot < sealed.series.count {
            let (mine, other) = (series[slot], sealed.series[slot])
            if mine.id == 0, mine.metric == other.metric, mine.target == other.target,
                mine.identity == other.identity
            {
                series[slot].id = other.id
            }
        }
    }

    mutating func setID(_ id: Int64, metric: Int) { metrics[metric].id = id }
    mutating func setID(_ id: Int64, target: UInt32) { targets[target]?.id = id }
    mutating func setID(_ id: Int64, slot: UInt32) { series[Int(slot)].id = id }

    /// Forgets the ids of targets whose rows were deleted, and of their series.
    mutating func forgetIDs(ofTargets ids: Set<Int64>) {
        for (number, target) in targets where ids.contains(target.id) {
            targets[number]?.id = 0
            for slot in target.members { series[Int(slot)].id = 0 }
        }
    }
}
