// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// A series of the database that matched.
struct IndexedSeries {
    let id: Int64
    let metric: Int64
    /// Its number in the index, until the next change.
    let number: UInt32
    /// Whether the one before has the same labels.
    let repeats: Bool
}

/// The series that the database has, in memory, so that a selector is answered by look-ups: by name
/// of the metric, and by posting lists of the labels that a target's series share.
///
/// A series takes about 50 bytes; label sets that were built for an answer are kept too, a bounded
/// number of them.
struct SeriesIndex {
    private struct Target {
        let id: Int64
        let labels: Labels
        var members: [UInt32] = []
    }

    private struct Identity: Hashable {
        let family: UInt32
        let labels: Labels
    }

    private struct Entry {
        /// 0 when the number is free.
        var id: Int64
        let metric: UInt32
        let target: UInt32
        let identity: UInt32
        /// Its place among the series of its name, in order of labels.
        var rank: UInt32 = 0
        /// Whether the one before has the same labels: imported ones and sampled ones may.
        var repeats = false
    }

    /// All series of one name.
    private struct Family {
        let name: String
        var members: [UInt32] = []
        /// Whether `members` are in order of labels.
        var isSorted = false
        var hasRepeats = false
        /// The members' labels, by rank, those that are kept; empty when none are.
        var labels: [Labels?] = []
    }

    /// Label sets kept at most; each takes about 300 bytes.
    static let maxLabels = 50_000

    private var targets: [Target?] = []
    private var freeTargets: [UInt32] = []
    private var targetNumbers: [Int64: UInt32] = [:]
    private var targetIndex = TargetIndex()
    private var identities: [(identity: Identity, uses: Int)] = []
    private var freeIdentities: [UInt32] = []
    private var identityNumbers: [Identity: UInt32] = [:]
    /// Names of labels that are not the targets', and how many identities have each.
    private var ownNames: [String: Int] = [:]
    private var entries: [Entry] = []
    private var freeEntries: [UInt32] = []
    private var numbers: [Int64: UInt32] = [:]
    private var families: [Family] = []
    private var familyNumbers: [String: UInt32] = [:]
    /// Families by name, when that is known.
    private var familyOrder: [UInt32] = []
    private var keptLabels = 0
    /// Whether some label's name sorts before `__name__`, so that sorting by name of the metric
    /// first is not sorting by labels.
    private var hasEarlyNames = false

    /// Series in the index.
    var count: Int { entries.count - freeEntries.count }
    /// The largest id of a series that was ever added and not removed.
    private(set) var largestID: Int64 = 0

    func knows(target id: Int64) -> Bool { targetNumbers[id] != nil }

    /// The number of the series with this id.
    func number(of id: Int64) -> UInt32? { numbers[id] }
}

// MARK: Changes

extension SeriesIndex {
    mutating func add(target id: Int64, _ labels: Labels) {
        guard targetNumbers[id] == nil else { return }
        let target = Target(id: id, labels: labels)
        let number: UInt32
        if let free = freeTargets.popLast() {
            number = free
            targets[Int(number)] = target
        } else {
            number = UInt32(targets.count)
            targets.append(target)
        }
        targetNumbers[id] = number
        targetIndex.insert(number, labels)
        note(labels)
    }

    /// Adds a series of a target that was added.
    mutating func add(series id: Int64, metric: Int64, target: Int64, name: String, own: Labels) {
        guard numbers[id] == nil, let target = targetNumbers[target] else { return }
        let family = family(name)
        let entry = Entry(
            id: id, metric: UInt32(truncatingIfNeeded: metric), target: target,
            identity: identity(Identity(family: family, labels: own)))
        let number: UInt32
        if let free = freeEntries.popLast() {
            number = free
            entries[Int(number)] = entry
        } else {
            number = UInt32(entries.count)
            entries.append(entry)
        }
        numbers[id] = number
        targets[Int(target)]?.members.append(number)
        families[Int(family)].members.append(number)
        dropOrder(of: Int(family))
        largestID = max(largestID, id)
    }

    /// Forgets the series of targets whose rows are gone.
    mutating func remove(targets ids: some Sequence<Int64>) {
        var gone: [UInt32: Labels] = [:]
        var touched: Set<UInt32> = []
        for id in ids {
            guard let number = targetNumbers.removeValue(forKey: id),
                let target = targets[Int(number)]
            else { continue }
            gone[number] = target.labels
            targets[Int(number)] = nil
            freeTargets.append(number)
            for member in target.members { touched.insert(remove(member)) }
        }
        targetIndex.remove(gone)
        for family in touched {
            dropLabels(of: Int(family))
            families[Int(family)].members.removeAll { entries[Int($0)].id == 0 }
            rank(Int(family))
            if families[Int(family)].hasRepeats { families[Int(family)].isSorted = false }
        }
        largestID = numbers.keys.max() ?? 0
    }

    /// Frees an entry; gives its family, whose members still have it.
    private mutating func remove(_ number: UInt32) -> UInt32 {
        let entry = entries[Int(number)]
        numbers[entry.id] = nil
        entries[Int(number)].id = 0
        freeEntries.append(number)
        let (identity, uses) = identities[Int(entry.identity)]
        identities[Int(entry.identity)].uses = uses - 1
        if uses == 1 {
            identityNumbers[identity] = nil
            freeIdentities.append(entry.identity)
            for label in identity.labels.pairs {
                let left = (ownNames[label.name] ?? 1) - 1
                ownNames[label.name] = left > 0 ? left : nil
            }
        }
        return identity.family
    }

    private mutating func family(_ name: String) -> UInt32 {
        if let known = familyNumbers[name] { return known }
        let number = UInt32(families.count)
        families.append(Family(name: name))
        familyNumbers[name] = number
        familyOrder = []
        return number
    }

    private mutating func identity(_ one: Identity) -> UInt32 {
        if let known = identityNumbers[one] {
            identities[Int(known)].uses += 1
            return known
        }
        let number: UInt32
        if let free = freeIdentities.popLast() {
            number = free
            identities[Int(number)] = (one, 1)
        } else {
            number = UInt32(identities.count)
            identities.append((one, 1))
        }
        identityNumbers[one] = number
        for label in one.labels.pairs { ownNames[label.name, default: 0] += 1 }
        note(one.labels)
        return number
    }

    private mutating func note(_ labels: Labels) {
        if let first = labels.pairs.first,
            first.name.utf8.lexicographicallyPrecedes("__name__".utf8)
        {
            hasEarlyNames = true
        }
    }
}

// MARK: Labels and their order

extension SeriesIndex {
    /// All labels of a series that matched, `__name__` included. Kept for the next query while
    /// there is room.
    mutating func labels(of number: UInt32) -> Labels {
        let entry = entries[Int(number)]
        let family = Int(identities[Int(entry.identity)].identity.family)
        let rank = Int(entry.rank)
        if rank < families[family].labels.count, let known = families[family].labels[rank] {
            return known
        }
        let labels = makeLabels(number)
        if keptLabels >= Self.maxLabels {
            for other in families.indices { dropLabels(of: other) }
        }
        if families[family].labels.isEmpty {
            families[family].labels = Array(repeating: nil, count: families[family].members.count)
        }
        families[family].labels[rank] = labels
        keptLabels += 1
        return labels
    }

    private func makeLabels(_ number: UInt32) -> Labels {
        let entry = entries[Int(number)]
        let identity = identities[Int(entry.identity)].identity
        var labels = targets[Int(entry.target)]?.labels ?? Labels()
        if !identity.labels.isEmpty { labels = labels.merging(identity.labels) }
        labels[Labels.metricName] = families[Int(identity.family)].name
        return labels
    }

    /// Brings a family's members in order of their labels.
    private mutating func sort(_ family: Int) {
        guard !families[family].isSorted else { return }
        let members = families[family].members
        let labels = members.map { makeLabels($0) }
        let order = labels.indices.sorted {
            labels[$0].precedes(labels[$1])
        }
        families[family].members = order.map { members[$0] }
        families[family].isSorted = true
        rank(family)
        families[family].hasRepeats = false
        for (before, one) in zip(order, order.dropFirst()) {
            let repeats = labels[before] == labels[one]
            entries[Int(members[one])].repeats = repeats
            if repeats { families[family].hasRepeats = true }
        }
        guard keptLabels + labels.count <= Self.maxLabels else { return }
        families[family].labels = order.map { labels[$0] }
        keptLabels += labels.count
    }

    private mutating func rank(_ family: Int) {
        for (rank, member) in families[family].members.enumerated() {
            entries[Int(member)].rank = UInt32(rank)
        }
    }

    private mutating func dropOrder(of family: Int) {
        dropLabels(of: family)
        families[family].isSorted = false
    }

    private mutating func dropLabels(of family: Int) {
        guard !families[family].labels.isEmpty else { return }
        keptLabels -= families[family].labels.count { $0 != nil }
        families[family].labels = []
    }
}

// MARK: Look-ups

extension SeriesIndex {
    /// The series that match, in order of their labels.
    mutating func matching(_ matchers: CompiledMatchers) -> [IndexedSeries] {
        let names = matchers.conditions.filter { $0.name == Labels.metricName }
        let chosen = families(names, matchers.candidates(for: Labels.metricName))
        guard !chosen.isEmpty else { return [] }
        var shared: [CompiledMatchers.Condition] = []
        var own: [CompiledMatchers.Condition] = []
        for condition in matchers.conditions where condition.name != Labels.metricName {
            if ownNames[condition.name] == nil {
                shared.append(condition)
            } else {
                own.append(condition)
            }
        }
        let allowed = targetIndex.select(shared)
        for family in chosen { sort(Int(family)) }
        var found: [UInt32] = []
        if let few = fewMembers(of: allowed, in: chosen) {
            found = few
        } else {
            for family in chosen {
                for member in families[Int(family)].members
                where allowed?.contains(entries[Int(member)].target) ?? true {
                    found.append(member)
                }
            }
        }
        if !own.isEmpty { found.removeAll { !satisfies($0, own) } }
        if hasEarlyNames, chosen.count > 1 {
            let all = found.map { labels(of: $0) }
            let order = all.indices.sorted {
                all[$0].precedes(all[$1])
            }
            found = order.map { found[$0] }
        }
        return found.map {
            let entry = entries[Int($0)]
            return IndexedSeries(
                id: entry.id, metric: Int64(entry.metric), number: $0, repeats: entry.repeats)
        }
    }

    /// The families whose names satisfy the conditions, by name.
    private mutating func families(
        _ conditions: [CompiledMatchers.Condition], _ candidates: Set<String>?
    ) -> [UInt32] {
        if let candidates, candidates.count <= 1 {
            guard let name = candidates.first, let number = familyNumbers[name],
                conditions.allSatisfy({ $0.holds(for: name) })
            else { return [] }
            return [number]
        }
        if familyOrder.isEmpty {
            familyOrder = (0..<UInt32(families.count)).sorted {
                families[Int($0)].name.utf8.lexicographicallyPrecedes(
                    families[Int($1)].name.utf8)
            }
        }
        return familyOrder.filter { number in
            let name = families[Int(number)].name
            return conditions.allSatisfy { $0.holds(for: name) }
        }
    }

    /// The members of the targets in `allowed` that are in `chosen`, in order; nil when it is
    /// cheaper to look at all members of `chosen`.
    private func fewMembers(of allowed: TargetSet?, in chosen: [UInt32]) -> [UInt32]? {
        guard let allowed else { return nil }
        let total = chosen.reduce(0) { $0 + families[Int($1)].members.count }
        var few: [UInt32] = []
        var count = 0
        allowed.forEach { count += targets[Int($0)]?.members.count ?? 0 }
        guard count < total / 4 else { return nil }
        var places: [UInt32: Int] = [:]
        for (place, family) in chosen.enumerated() { places[family] = place }
        var keyed: [(place: Int, rank: UInt32, member: UInt32)] = []
        allowed.forEach { target in
            for member in targets[Int(target)]?.members ?? [] {
                let entry = entries[Int(member)]
                let family = identities[Int(entry.identity)].identity.family
                if let place = places[family] { keyed.append((place, entry.rank, member)) }
            }
        }
        keyed.sort { ($0.place, $0.rank) < ($1.place, $1.rank) }
        few.reserveCapacity(keyed.count)
        for one in keyed { few.append(one.member) }
        return few
    }

    private func satisfies(_ number: UInt32, _ conditions: [CompiledMatchers.Condition]) -> Bool {
        let entry = entries[Int(number)]
        let own = identities[Int(entry.identity)].identity.labels
        let shared = targets[Int(entry.target)]?.labels ?? Labels()
        return conditions.allSatisfy { condition in
            let value = own[condition.name]
            return condition.holds(for: value.isEmpty ? shared[condition.name] : value)
        }
    }
}
