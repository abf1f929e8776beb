// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One name and value of a label set.
public struct Label: Hashable, Comparable, Sendable {
    /// The label's name, such as `name` or `__name__`. Any UTF-8 is allowed.
    public var name: String
    /// The label's value. Untrusted when it comes from a container.
    public var value: String

    /// A label of this name and value.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// Orders by name, then by value, both bytewise, as Prometheus orders label sets.
    public static func < (a: Label, b: Label) -> Bool {
        Labels.same(a.name, b.name)
            ? Labels.precedes(a.value, b.value) : Labels.precedes(a.name, b.name)
    }

    /// Whether both have the same bytes.
    public static func == (a: Label, b: Label) -> Bool {
        Labels.same(a.name, b.name) && Labels.same(a.value, b.value)
    }

    /// Mixes in the bytes of the name and the value, with what ends each.
    public func hash(into hasher: inout Hasher) {
        for text in [name, value] {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            hasher.combine(UInt8(0xff))
        }
    }
}

/// A label set: sorted by name, each name once, no empty values (an empty value means "no such
/// label" in Prometheus' data model).
///
/// Copies share what they hold, with its hash and the set without the metric's name once these were
/// asked for: the label sets of stored series go through each evaluation of a query, and are
/// compared and looked up there again and again.
public struct Labels: Sendable {
    /// What copies of a set share. It never changes but for what is computed from it once.
    fileprivate final class Storage: Sendable {
        let pairs: [Label]
        /// The hash of the pairs, 0 before it was asked for.
        private let hash = Atomic<Int>(0)
        /// The set without the metric's name, when it has one.
        let nameless = AtomicLazyReference<Storage>()

        init(_ pairs: [Label]) { self.pairs = pairs }

        static let empty = Storage([])

        var knownHash: Int { hash.load(ordering: .relaxed) }

        /// Two threads may both compute it, and come to the same.
        var hashed: Int {
            let known = knownHash
            guard known == 0 else { return known }
            var hasher = Hasher()
            for pair in pairs { pair.hash(into: &hasher) }
            let computed = hasher.finalize() | 1
            hash.store(computed, ordering: .relaxed)
            return computed
        }
    }

    private var storage: Storage

    private init(_ storage: Storage) { self.storage = storage }

    /// The labels in bytewise order of their names.
    public var pairs: [Label] { storage.pairs }

    /// The label that carries a metric's name.
    public static let metricName = "__name__"

    /// The empty set.
    public init() { storage = .empty }

    /// A set of these labels; later ones replace earlier ones of the same name.
    public init(_ labels: some Sequence<Label>) {
        var pairs = Array(labels)
        for i in pairs.indices.dropFirst() where !Self.precedes(pairs[i - 1].name, pairs[i].name) {
            pairs = Self.sorted(pairs)
            break
        }
        if pairs.contains(where: \.value.isEmpty) { pairs.removeAll(where: \.value.isEmpty) }
        self.init(sorted: pairs)
    }

    /// The last label of each name, in order of the names.
    private static func sorted(_ labels: [Label]) -> [Label] {
        let order = labels.indices.sorted { a, b in
            precedes(labels[a].name, labels[b].name)
                || (a < b && same(labels[a].name, labels[b].name))
        }
        var result: [Label] = []
        result.reserveCapacity(labels.count)
        for i in order {
            if let last = result.last, same(last.name, labels[i].name) { result.removeLast() }
            result.append(labels[i])
        }
        return result
    }

    /// A set from labels the caller guarantees to be sorted, unique and non-empty.
    public init(sorted pairs: [Label]) { storage = pairs.isEmpty ? .empty : Storage(pairs) }

    /// The value of `name`, or the empty string. Setting an empty string removes the label.
    public subscript(name: String) -> String {
        get {
            let pairs = storage.pairs
            let at = position(of: name)
            return at < pairs.count && Self.same(pairs[at].name, name) ? pairs[at].value : ""
        }
        set {
            let at = position(of: name)
            var pairs = storage.pairs
            let present = at < pairs.count && Self.same(pairs[at].name, name)
            switch (present, newValue.isEmpty) {
            case (true, true): pairs.remove(at: at)
            case (true, false): pairs[at].value = newValue
            case (false, true): return
            case (false, false): pairs.insert(Label(name: name, value: newValue), at: at)
            }
            self = Labels(sorted: pairs)
        }
    }

    /// Whether the set has no label.
    public var isEmpty: Bool { storage.pairs.isEmpty }

    /// This set without the metric's name.
    public var withoutName: Labels {
        if let known = storage.nameless.load() { return Labels(known) }
        let at = position(of: Self.metricName)
        guard at < pairs.count, pairs[at].name == Self.metricName else { return self }
        var rest = pairs
        rest.remove(at: at)
        return Labels(storage.nameless.storeIfNil(Labels(sorted: rest).storage))
    }

    /// This set with the labels of `other` added, which win where both have a name.
    public func merging(_ other: Labels) -> Labels {
        if other.isEmpty { return self }
        if isEmpty { return other }
        let (mine, theirs) = (pairs, other.pairs)
        var merged: [Label] = []
        merged.reserveCapacity(mine.count + theirs.count)
        var i = 0
        for label in theirs {
            while i < mine.count, Self.precedes(mine[i].name, label.name) {
                merged.append(mine[i])
                i += 1
            }
            if i < mine.count, Self.same(mine[i].name, label.name) { i += 1 }
            merged.append(label)
        }
        merged += mine[i...]
        return Labels(sorted: merged)
    }

    /// Orders label sets as Prometheus does: label by label, shorter first.
    public func precedes(_ other: Labels) -> Bool {
        if storage === other.storage { return false }
        let (mine, theirs) = (storage.pairs, other.storage.pairs)
        for i in 0..<min(mine.count, theirs.count) {
            if let order = Self.order(mine[i].name, theirs[i].name) { return order }
            if let order = Self.order(mine[i].value, theirs[i].value) { return order }
        }
        return mine.count < theirs.count
    }

    /// Whether `a` is before `b`, bytewise; nil when they are the same.
    private static func order(_ a: String, _ b: String) -> Bool? {
        guard let order = compare(a, b), order != 0 || a.utf8.count != b.utf8.count else {
            return same(a, b) ? nil : precedes(a, b)
        }
        return order == 0 ? a.utf8.count < b.utf8.count : order < 0
    }

    /// Where `name` is or would be inserted.
    private func position(of name: String) -> Int {
        let pairs = storage.pairs
        var low = 0
        var high = pairs.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(pairs[middle].name, name) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Bytewise `a < b`, without Unicode normalisation: two names that differ in bytes differ.
    static func precedes(_ a: String, _ b: String) -> Bool {
        compare(a, b).map { $0 == 0 ? a.utf8.count < b.utf8.count : $0 < 0 }
            ?? a.utf8.lexicographicallyPrecedes(b.utf8)
    }

    /// Whether the bytes of the two are the same: composed and decomposed characters differ.
    static func same(_ a: String, _ b: String) -> Bool {
        guard a.utf8.count == b.utf8.count else { return false }
        return compare(a, b).map { $0 == 0 } ?? a.utf8.elementsEqual(b.utf8)
    }

    /// How the bytes compare as far as both go: below, at or above 0. Native strings lie in one piece:
    /// comparing them there is several times faster. Nil for others.
    private static func compare(_ a: String, _ b: String) -> Int? {
        let result = a.utf8.withContiguousStorageIfAvailable { a in
            b.utf8.withContiguousStorageIfAvailable { b in
                compare(UnsafeRawBufferPointer(a), UnsafeRawBufferPointer(b))
            }
        }
        return result ?? nil
    }

    /// Eight bytes at a time; as big-endian numbers they compare like the bytes.
    private static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        var at = 0
        while at &+ 8 <= count {
            let x = UInt64(bigEndian: a.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let y = UInt64(bigEndian: b.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            if x != y { return x < y ? -1 : 1 }
            at &+= 8
        }
        while at < count {
            if a[at] != b[at] { return a[at] < b[at] ? -1 : 1 }
            at &+= 1
        }
        return 0
    }
}

extension Labels: Hashable {
    /// Whether both hold the same bytes.
    public static func == (a: Labels, b: Labels) -> Bool {
        if a.storage === b.storage { return true }
        let (hashA, hashB) = (a.storage.knownHash, b.storage.knownHash)
        if hashA != 0, hashB != 0, hashA != hashB { return false }
        return a.pairs == b.pairs
    }

    /// Mixes in the hash that copies share.
    public func hash(into hasher: inout Hasher) { hasher.combine(storage.hashed) }
}

extension Labels: ExpressibleByDictionaryLiteral {
    /// A set from literal names and values.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { Label(name: $0.0, value: $0.1) })
    }
}
