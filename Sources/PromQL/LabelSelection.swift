// SPDX-License-Identifier: Apache-2.0

import Model

/// Some labels of a set: those of these names, or all others.
struct LabelSelection {
    let names: [String]
    let isKeeping: Bool

    /// The labels by which `aggregate` groups.
    init(_ aggregate: Expression.Aggregate) {
        isKeeping = !aggregate.isWithout
        names = aggregate.grouping + (isKeeping ? [] : [Labels.metricName])
    }

    /// The labels by which two vectors are matched.
    init(_ matching: Expression.Matching) {
        isKeeping = matching.isOn
        names = matching.labels + (isKeeping ? [] : [Labels.metricName])
    }

    /// Whether it is no label at all, so that there is one group.
    fileprivate var isNothing: Bool { isKeeping && names.isEmpty }

    /// Whether it is every label but the metric's name.
    private var isAllButName: Bool { !isKeeping && names.count == 1 }

    /// These labels of `labels`.
    func labels(_ labels: Labels) -> Labels {
        if isAllButName { return labels.withoutName }
        if isKeeping { return names.isEmpty ? Labels() : labels.keeping(names) }
        return labels.removing(names)
    }

    /// The same for label sets of which the same labels are alike.
    fileprivate func hash(_ labels: Labels) -> Int {
        if isAllButName { return labels.withoutName.hashValue }
        var hasher = Hasher()
        for pair in labels.pairs where names.contains(pair.name) == isKeeping {
            pair.hash(into: &hasher)
        }
        return hasher.finalize()
    }

    /// Whether the selected labels of `labels` are `selected`.
    fileprivate func matches(_ labels: Labels, _ selected: Labels) -> Bool {
        if isAllButName { return labels.withoutName == selected }
        let wanted = selected.pairs
        var next = 0
        for pair in labels.pairs where names.contains(pair.name) == isKeeping {
            guard next < wanted.count, wanted[next] == pair else { return false }
            next += 1
        }
        return next == wanted.count
    }
}

/// Numbers the groups of label sets that have some labels alike, in the order in which they come. A
/// set of a known group is found without making another set.
struct LabelGroups {
    private let selection: LabelSelection
    /// The labels that the members of each group share.
    private(set) var labels: [Labels] = []
    /// The last group of each hash, and the one before it with the same hash.
    private var byHash: [Int: Int] = [:]
    private var previous: [Int] = []

    init(_ selection: LabelSelection) { self.selection = selection }

    /// The number of the group of a series with these labels.
    mutating func number(_ one: Labels) -> Int {
        if selection.isNothing, !labels.isEmpty { return 0 }
        let hash = selection.hash(one)
        let newest = byHash[hash] ?? -1
        var group = newest
        while group >= 0 {
            if selection.matches(one, labels[group]) { return group }
            group = previous[group]
        }
        byHash[hash] = labels.count
        previous.append(newest)
        labels.append(selection.labels(one))
        return labels.count - 1
    }
}
