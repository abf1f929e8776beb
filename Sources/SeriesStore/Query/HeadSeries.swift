// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import Synchronization

/// What memory has of one series that matched.
struct HeadSeries: Sendable {
    /// The row of the database; 0 when it has none yet.
    let id: Int64
    /// Its target's number and its identity's: no other series ever has them.
    let numbers: UInt64
    /// The labels that its target's series share.
    let shared: Labels
    let identity: SeriesTable.Identity
    let column: HeadColumn

    /// Adds what memory has to what segments have; both are in order of labels, and the result is.
    static func add(
        _ head: [HeadSeries], to stored: consuming [StoredSeries],
        _ known: borrowing Mutex<HeadOrders>
    ) -> [StoredSeries] {
        var result = stored
        guard !head.isEmpty else { return result }
        var places: [Int64: Int] = [:]
        for (place, one) in result.enumerated() {
            places[one.id] = place
            for id in one.others { places[id] = place }
        }
        var others: [Int] = []
        for (number, one) in head.enumerated() {
            if one.id > 0, let place = places[one.id] {
                result[place].runs.append(StoredRun(one.column, order: number))
            } else {
                others.append(number)
            }
        }
        guard !others.isEmpty else { return result }
        let order = known.withLock { $0.order(of: others.map { head[$0] }) }
        var added = order.labels.map { StoredSeries(labels: $0) }
        for (number, place) in zip(others, order.places) {
            added[place].runs.append(StoredRun(head[number].column, order: number))
        }
        return result.isEmpty ? added : merge(result, added)
    }

    /// Adds runs by labels to what is in order of labels, and the result is.
    static func merge(
        _ stored: [StoredSeries], _ received: [Labels: [StoredRun]]
    ) -> [StoredSeries] {
        guard !received.isEmpty else { return stored }
        let added = received.map { StoredSeries(labels: $0.key, runs: $0.value) }
            .sorted { $0.labels.precedes($1.labels) }
        return merge(stored, added)
    }

    private static func merge(_ stored: [StoredSeries], _ added: [StoredSeries]) -> [StoredSeries] {
        var merged: [StoredSeries] = []
        merged.reserveCapacity(stored.count + added.count)
        var next = 0
        for one in stored {
            while next < added.count, added[next].labels.precedes(one.labels) {
                merged.append(added[next])
                next += 1
            }
            merged.append(one)
            if next < added.count, added[next].labels == one.labels {
                merged[merged.count - 1].runs += added[next].runs
                next += 1
            }
        }
        return merged + added[next...]
    }
}

/// The label sets of series in memory that were selected together lately, in order: queries that
/// follow one another need not make and sort them again, and get the same ones, which costs nothing
/// to compare. Bounded.
struct HeadOrders: Sendable {
    struct Order: Sendable {
        /// The label sets, in order, each once.
        let labels: [Labels]
        /// Which of them each of the series has.
        let places: [Int]
    }

    private static let bytes = 4 << 20
    private var labels = BoundedCache<UInt64, Labels>(limit: bytes)
    private var orders = BoundedCache<[UInt64], Order>(limit: bytes)

    /// The label sets of `series`.
    mutating func order(of series: [HeadSeries]) -> Order {
        let key = series.map(\.numbers)
        if let known = orders.value(key) { return known }
        var numbers: [Labels: Int] = [:]
        var found: [Labels] = []
        let first = series.map { one in
            let labels = labels(of: one)
            let number = numbers[labels] ?? found.count
            if number == found.count {
                numbers[labels] = number
                found.append(labels)
            }
            return number
        }
        let sorted = found.indices.sorted { found[$0].precedes(found[$1]) }
        var places = [Int](repeating: 0, count: found.count)
        for (place, number) in sorted.enumerated() { places[number] = place }
        let order = Order(labels: sorted.map { found[$0] }, places: first.map { places[$0] })
        orders.insert(order, cost: 96 + series.count * 24, for: key)
        return order
    }

    /// All labels of a series, `__name__` included.
    private mutating func labels(of one: HeadSeries) -> Labels {
        if let known = labels.value(one.numbers) { return known }
        let made = SeriesTable.labels(one.shared, one.identity)
        labels.insert(made, cost: 160 + made.pairs.count * 32, for: one.numbers)
        return made
    }
}

extension StoreCore {
    /// What memory has of the series that match: sections that wait, oldest first, then the one
    /// that is being filled.
    func headSeries(_ matchers: CompiledMatchers, in range: TimeRange) -> [HeadSeries] {
        let (sections, current) = state.withLock { state in
            var current: [HeadSeries] = []
            for slot in state.table.matching(matchers) {
                let place = state.places[Int(slot)]
                guard place.section == state.section else { continue }
                let stretch = state.timelines[place.timeline].stretch
                guard let first = stretch.times.first, first <= range.end,
                    let last = stretch.times.last, last >= range.start
                else { continue }
                if let one = state.table.head(slot, stretch, Int(place.column)) {
                    current.append(one)
                }
            }
            return (state.sealing, current)
        }
        var found: [HeadSeries] = []
        for section in sections {
            guard let first = section.first, first <= range.end, let last = section.last,
                last >= range.start
            else { continue }
            let slots = Set(section.table.matching(matchers))
            for (_, stretch) in section.stretches {
                for (column, slot) in stretch.columns.enumerated() where slots.contains(slot) {
                    if let one = section.table.head(slot, stretch, column) { found.append(one) }
                }
            }
        }
        return found + current
    }
}

extension SeriesTable {
    fileprivate func head(_ slot: UInt32, _ stretch: Stretch, _ column: Int) -> HeadSeries? {
        let one = series[Int(slot)]
        guard let target = targets[one.target], let identity = identities[one.identity] else {
            return nil
        }
        return HeadSeries(
            id: one.id, numbers: UInt64(one.target) << 32 | UInt64(one.identity),
            shared: target.labels, identity: identity, column: stretch.snapshot(column))
    }

    /// The slots of the series that match. Whether a target's own labels do is found out once for
    /// each target, whether a name does once for each identity in a row.
    fileprivate func matching(_ matchers: CompiledMatchers) -> [UInt32] {
        let names = matchers.conditions.filter { $0.name == Labels.metricName }
        var verdicts = TargetVerdicts(
            matchers.conditions.filter { $0.name != Labels.metricName }, of: self)
        var found: [UInt32] = []
        for metric in metrics {
            // A family's samples have its name, or that with an ending.
            if let name = matchers.metricName, !name.utf8.starts(with: metric.descriptor.name.utf8)
            {
                continue
            }
            var number = Self.none
            var isWanted = false
            var own = Labels()
            for slot in metric.members {
                let one = series[Int(slot)]
                if one.identity != number {
                    number = one.identity
                    let identity = identities[number]
                    isWanted =
                        identity.map { one in names.allSatisfy { $0.holds(for: one.name) } }
                        ?? false
                    own = identity?.labels ?? Labels()
                }
                if isWanted, verdicts.holds(for: one.target, own) { found.append(slot) }
            }
        }
        return found
    }
}

/// Whether the labels of series satisfy conditions, remembered for each target.
private struct TargetVerdicts {
    private let conditions: [CompiledMatchers.Condition]
    private let table: SeriesTable
    /// For series without labels of their own, by target: 0 not known, 1 no, 2 yes.
    private var all: [UInt8]
    /// For the others, by target: whether each condition holds.
    private var each: [UInt32: [Bool]] = [:]

    init(_ conditions: [CompiledMatchers.Condition], of table: SeriesTable) {
        self.conditions = conditions
        self.table = table
        all = conditions.isEmpty ? [] : [UInt8](repeating: 0, count: table.targetNumberLimit)
    }

    /// Whether they hold for a series of a target with these labels of its own.
    mutating func holds(for target: UInt32, _ own: Labels) -> Bool {
        if conditions.isEmpty { return true }
        guard own.isEmpty else { return holdEach(for: target, own) }
        let known = all[Int(target)]
        if known > 0 { return known == 2 }
        let labels = table.targets[target]?.labels ?? Labels()
        let holds = conditions.allSatisfy { $0.holds(for: labels[$0.name]) }
        all[Int(target)] = holds ? 2 : 1
        return holds
    }

    private mutating func holdEach(for target: UInt32, _ own: Labels) -> Bool {
        let shared: [Bool]
        if let known = each[target] {
            shared = known
        } else {
            let labels = table.targets[target]?.labels ?? Labels()
            shared = conditions.map { $0.holds(for: labels[$0.name]) }
            each[target] = shared
        }
        return conditions.indices.allSatisfy { i in
            let value = own[conditions[i].name]
            return value.isEmpty ? shared[i] : conditions[i].holds(for: value)
        }
    }
}
