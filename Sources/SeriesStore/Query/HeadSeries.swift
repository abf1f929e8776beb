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
    /// each target.
    fileprivate func matching(_ matchers: CompiledMatchers) -> [UInt32] {
        let conditions = matchers.conditions
        let names = conditions.filter { $0.name == Labels.metricName }
        let others = conditions.filter { $0.name != Labels.metricName }
        var isNamed: [UInt32: Bool] = [:]
        var verdicts: [UInt32: [Bool]] = [:]
        var found: [UInt32] = []
        for metric in metrics {
            // A family's samples have its name, or that with an ending.
            if let name = matchers.metricName, !name.utf8.starts(with: metric.descriptor.name.utf8)
            {
                continue
            }
            for slot in metric.members {
                let one = series[Int(slot)]
                guard let identity = identities[one.identity] else { continue }
                let isWanted =
                    isNamed[one.identity]
                    ?? names.allSatisfy { $0.holds(for: identity.name) }
                isNamed[one.identity] = isWanted
                guard isWanted else { continue }
                if others.isEmpty {
                    found.append(slot)
                    continue
                }
                let shared = verdicts[one.target] ?? verdict(others, of: one.target)
                verdicts[one.target] = shared
                let matches = others.indices.allSatisfy { i in
                    let own = identity.labels.isEmpty ? "" : identity.labels[others[i].name]
                    return own.isEmpty ? shared[i] : others[i].holds(for: own)
                }
                if matches { found.append(slot) }
            }
        }
        return found
    }

    private func verdict(_ conditions: [CompiledMatchers.Condition], of target: UInt32) -> [Bool] {
        let labels = targets[target]?.labels ?? Labels()
        return conditions.map { $0.holds(for: labels[$0.name]) }
    }
}
