// SPDX-License-Identifier: Apache-2.0

import Model

/// Combines the series of two vectors one to one, or many to one.
///
/// Groups are found once per series. A group with one series on the one side, which is nearly every
/// group, is combined row by row; several series there are allowed as long as no two of them have
/// a value at the same step.
struct VectorMatching {
    private let matching: Expression.Matching
    private let selection: LabelSelection
    private let operation: ElementOperation
    private let grid: Grid
    private let delaysNames: Bool
    /// Whether the right operand of the expression is the "many" side.
    private let isSwapped: Bool
    private var results: [Row] = []
    /// The row of each result's labels, and for each step the group that wrote there, plus one.
    private var places: [Labels: Int] = [:]
    private var writers: [[Int32]] = []
    /// For each group, at which steps it has had a pair.
    private var matched: [[Bool]] = []

    init(_ binary: Expression.Binary, _ grid: Grid, delaysNames: Bool) {
        matching = binary.matching ?? .init()
        selection = LabelSelection(matching)
        operation = ElementOperation(binary)
        self.grid = grid
        self.delaysNames = delaysNames
        isSwapped = matching.cardinality == .oneToMany
    }

    /// The rows of the result.
    mutating func combine(_ left: [Row], _ right: [Row]) throws(QueryError) -> [Row] {
        let many = isSwapped ? right : left
        let one = isSwapped ? left : right
        var signatures = LabelGroups(selection)
        var members: [Int: [Int]] = [:]
        var oneGroups: [Int] = []
        for (i, row) in one.enumerated() {
            let group = signatures.number(row.labels)
            oneGroups.append(group)
            members[group, default: []].append(i)
        }
        let manyGroups = many.map { signatures.number($0.labels) }
        matched = [[Bool]](repeating: [], count: signatures.labels.count)
        let isActive = active(many, one)
        for (_, group) in members.sorted(by: { $0.key < $1.key }) where group.count > 1 {
            try checkUnique(group, one, isActive)
        }
        let fillOne = isSwapped ? matching.fillLeft : matching.fillRight
        let fillMany = isSwapped ? matching.fillRight : matching.fillLeft
        for (row, group) in zip(many, manyGroups) {
            for partner in members[group] ?? [] {
                try pair(row, one[partner], group)
            }
            if let fillOne {
                let partners = (members[group] ?? []).map { one[$0] }
                let filled = constant(
                    fillOne, row.labels,
                    where: { i in
                        partners.allSatisfy { Absent.isAbsent($0.values[i]) }
                    })
                try pair(row, filled, group)
            }
        }
        if let fillMany {
            for (row, group) in zip(one, oneGroups) {
                let taken = matched[group]
                let filled = constant(fillMany, row.labels) { taken.isEmpty || !taken[$0] }
                try pair(filled, row, group)
            }
        }
        return results
    }

    /// A row of `value` at the steps that `test` wants, with only the labels that match.
    private func constant(
        _ value: Double, _ labels: Labels, where test: (Int) -> Bool
    ) -> Row {
        Row(
            labels: selection.labels(labels),
            values: (0..<grid.count).map { test($0) ? value : Absent.value })
    }

    /// At which steps there is anything to match: elsewhere duplicates do no harm.
    private func active(_ many: [Row], _ one: [Row]) -> [Bool] {
        let isFilled = matching.fillLeft != nil || matching.fillRight != nil
        func present(_ rows: [Row]) -> [Bool] {
            var result = [Bool](repeating: false, count: grid.count)
            for row in rows {
                for i in 0..<grid.count where !Absent.isAbsent(row.values[i]) { result[i] = true }
            }
            return result
        }
        return zip(present(many), present(one)).map { isFilled ? $0 || $1 : $0 && $1 }
    }

    private func checkUnique(
        _ group: [Int], _ rows: [Row], _ isActive: [Bool]
    ) throws(QueryError) {
        for i in 0..<grid.count where isActive[i] {
            var first: Int?
            for member in group where !Absent.isAbsent(rows[member].values[i]) {
                guard let before = first else {
                    first = member
                    continue
                }
                let shown = [rows[before].labels.shown, rows[member].labels.shown].sorted()
                let labels = selection.labels(rows[member].labels)
                throw QueryError(
                    .execution,
                    "found duplicate series for the match group \(labels.shown) on the "
                        + "\(isSwapped ? "left" : "right") hand-side of the operation: "
                        + "[\(shown[0]), \(shown[1])];many-to-many matching not allowed: matching "
                        + "labels must be unique on one side")
            }
        }
    }

    /// Combines two rows at the steps at which both have a value.
    private mutating func pair(
        _ many: Row, _ one: Row, _ group: Int
    ) throws(QueryError) {
        guard let first = firstShared(many.values, one.values) else { return }
        let place = row(resultLabels(many.labels, one.labels))
        if matched[group].isEmpty {
            matched[group] = [Bool](repeating: false, count: grid.count)
        }
        // Taken out of the arrays of arrays while they are written, so that nothing is copied.
        var claims: [Bool] = []
        var values: [Double] = []
        var groups: [Int32] = []
        swap(&claims, &matched[group])
        swap(&values, &results[place].values)
        swap(&groups, &writers[place])
        defer {
            swap(&claims, &matched[group])
            swap(&values, &results[place].values)
            swap(&groups, &writers[place])
        }
        let isOneToOne = matching.cardinality == .oneToOne
        let writer = Int32(truncatingIfNeeded: group + 1)
        for i in first..<grid.count {
            let (m, o) = (many.values[i], one.values[i])
            guard !Absent.isAbsent(m), !Absent.isAbsent(o) else { continue }
            if isOneToOne, claims[i] { throw Self.manyToOne }
            claims[i] = true
            if groups[i] == writer { throw Self.ambiguous }
            if groups[i] == 0 { groups[i] = writer }
            let value =
                isSwapped ? operation.apply(o, m, kept: o) : operation.apply(m, o, kept: m)
            guard !Absent.isAbsent(value) else { continue }
            guard Absent.isAbsent(values[i]) else { throw .sameLabels }
            groups[i] = writer
            values[i] = value
        }
    }

    /// The first step at which both have a value.
    private func firstShared(_ a: [Double], _ b: [Double]) -> Int? {
        a.indices.first { !Absent.isAbsent(a[$0]) && !Absent.isAbsent(b[$0]) }
    }

    private static let manyToOne = QueryError(
        .execution,
        "multiple matches for labels: many-to-one matching must be explicit "
            + "(group_left/group_right)")
    private static let ambiguous = QueryError(
        .execution, "multiple matches for labels: grouping labels must ensure unique matches")
    private mutating func row(_ labels: Labels) -> Int {
        if let known = places[labels] { return known }
        places[labels] = results.count
        results.append(
            Row(
                labels: labels, dropsName: delaysNames && operation.returnsBool,
                count: grid.count))
        writers.append([Int32](repeating: 0, count: grid.count))
        return results.count - 1
    }

    private func resultLabels(_ many: Labels, _ one: Labels) -> Labels {
        var labels = many
        let dropsName =
            operation.returnsBool ? !delaysNames : operation.changesMetric
        if dropsName { labels = labels.withoutName }
        if matching.cardinality == .oneToOne {
            labels =
                matching.isOn
                ? labels.keeping(matching.labels) : labels.removing(matching.labels)
        }
        for name in matching.include { labels[name] = one[name] }
        return labels
    }
}
