// SPDX-License-Identifier: Apache-2.0

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
        a.name == b.name ? Labels.precedes(a.value, b.value) : Labels.precedes(a.name, b.name)
    }
}

/// A label set: sorted by name, each name once, no empty values (an empty value means "no such
/// label" in Prometheus' data model).
public struct Labels: Hashable, Sendable {
    /// The labels in bytewise order of their names.
    public private(set) var pairs: [Label]

    /// The label that carries a metric's name.
    public static let metricName = "__name__"

    /// The empty set.
    public init() { pairs = [] }

    /// A set of these labels; later ones replace earlier ones of the same name.
    public init(_ labels: some Sequence<Label>) {
        self.init()
        for label in labels { self[label.name] = label.value }
    }

    /// A set from labels the caller guarantees to be sorted, unique and non-empty.
    public init(sorted pairs: [Label]) { self.pairs = pairs }

    /// The value of `name`, or the empty string. Setting an empty string removes the label.
    public subscript(name: String) -> String {
        get {
            let at = position(of: name)
            return at < pairs.count && pairs[at].name == name ? pairs[at].value : ""
        }
        set {
            let at = position(of: name)
            let present = at < pairs.count && pairs[at].name == name
            switch (present, newValue.isEmpty) {
            case (true, true): pairs.remove(at: at)
            case (true, false): pairs[at].value = newValue
            case (false, true): break
            case (false, false): pairs.insert(Label(name: name, value: newValue), at: at)
            }
        }
    }

    /// Whether the set has no label.
    public var isEmpty: Bool { pairs.isEmpty }

    /// This set with the labels of `other` added, which win where both have a name.
    public func merging(_ other: Labels) -> Labels {
        var merged = self
        for label in other.pairs { merged[label.name] = label.value }
        return merged
    }

    /// Where `name` is or would be inserted.
    private func position(of name: String) -> Int {
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
        // Native strings lie in one piece: comparing them there is several times faster.
        let fast = a.utf8.withContiguousStorageIfAvailable { a in
            b.utf8.withContiguousStorageIfAvailable { b in precedes(a, b) }
        }
        return (fast ?? nil) ?? a.utf8.lexicographicallyPrecedes(b.utf8)
    }

    private static func precedes(
        _ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        for i in 0..<min(a.count, b.count) where a[i] != b[i] { return a[i] < b[i] }
        return a.count < b.count
    }
}

extension Labels: ExpressibleByDictionaryLiteral {
    /// A set from literal names and values.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init(elements.map { Label(name: $0.0, value: $0.1) })
    }
}
