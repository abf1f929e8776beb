// SPDX-License-Identifier: Apache-2.0

/// Values that are kept while there is room; those that were not asked for the longest go first.
struct BoundedCache<Key: Hashable, Value> {
    fileprivate struct Kept {
        let value: Value
        let cost: Int
        var used: UInt64
    }

    private var kept: [Key: Kept] = [:]
    private var clock: UInt64 = 0
    private var total = 0
    private let limit: Int

    /// A cache whose values' costs come to `limit` at most.
    init(limit: Int) { self.limit = limit }

    mutating func value(_ key: Key) -> Value? {
        guard let at = kept.index(forKey: key) else { return nil }
        clock += 1
        kept.values[at].used = clock
        return kept.values[at].value
    }

    mutating func insert(_ value: Value, cost: Int, for key: Key) {
        guard cost <= limit / 2 else { return }
        if total + cost > limit { makeRoom() }
        clock += 1
        if let old = kept.updateValue(Kept(value: value, cost: cost, used: clock), forKey: key) {
            total -= old.cost
        }
        total += cost
    }

    mutating func removeAll() {
        kept.removeAll()
        total = 0
    }

    /// Drops the half that was not used the longest, so that it is seldom done.
    private mutating func makeRoom() {
        let order = kept.map { (key: $0.key, used: $0.value.used) }.sorted { $0.used < $1.used }
        for one in order where total > limit / 2 {
            total -= kept.removeValue(forKey: one.key)?.cost ?? 0
        }
    }
}

extension BoundedCache: Sendable where Key: Sendable, Value: Sendable {}
extension BoundedCache.Kept: Sendable where Key: Sendable, Value: Sendable {}
