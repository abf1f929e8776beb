// SPDX-License-Identifier: Apache-2.0

public import Model

/// Which logs a word on a command line means.
///
/// A name stands for all containers that have had it, one after the other; `name~1` for the one
/// before the newest, `name~2` for the one before that; an id or its beginning for one container;
/// a name with `*` or `?` for all names of that form.
public enum LogNames {
    /// The logs `word` means, in the order of `all`, which is by name and then by age.
    public static func resolve(_ word: String, among all: [LogIdentity]) -> [LogIdentity] {
        let named = all.filter { $0.name == word }
        if !named.isEmpty { return named }
        if let tilde = word.lastIndex(of: "~"), let back = Int(word[word.index(after: tilde)...]) {
            let generations = all.filter { $0.name == word[..<tilde] }
            let at = generations.count - 1 - back
            return generations.indices.contains(at) ? [generations[at]] : []
        }
        if isPattern(word) {
            let pattern = Array(word.utf8)
            return all.filter { matches(Array($0.name.utf8)[...], pattern[...]) }
        }
        if let exact = all.first(where: { $0.id == word }) { return [exact] }
        let beginning = all.filter { $0.id.hasPrefix(word) }
        return beginning.count == 1 ? beginning : []
    }

    /// Whether a word stands for all names of a form.
    public static func isPattern(_ word: String) -> Bool {
        word.utf8.contains { $0 == 0x2a || $0 == 0x3f }
    }

    /// Up to three names that hold the word, or that it holds.
    static func near(_ word: String, among all: [LogIdentity]) -> [String] {
        let lower = word.lowercased()
        let names = Set(all.map(\.name)).filter {
            !$0.isEmpty && ($0.lowercased().contains(lower) || lower.contains($0.lowercased()))
        }
        return Array(names.sorted().prefix(3))
    }

    /// Whether a name has the form of a pattern in which `*` is anything and `?` one byte.
    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var (n, p) = (name.startIndex, pattern.startIndex)
        var star: (pattern: Int, name: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == 0x2a {
                star = (p, n)
                p += 1
            } else if p < pattern.endIndex, pattern[p] == 0x3f || pattern[p] == name[n] {
                n += 1
                p += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                n = last.name + 1
                p = last.pattern + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == 0x2a }
    }
}
