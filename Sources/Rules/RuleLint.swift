// SPDX-License-Identifier: Apache-2.0

public import Model

/// Rules of one file that make the same series: what `promtool check rules` warns of.
public struct DuplicateRules: Hashable, Sendable {
    /// The name they share.
    public let name: String
    /// The labels they share.
    public let labels: [Label]

    /// The duplicates in `file`, in order of name.
    public static func find(in file: RuleFile) -> [DuplicateRules] {
        var counts: [DuplicateRules: Int] = [:]
        for group in file.groups {
            for rule in group.rules {
                counts[DuplicateRules(name: rule.name, labels: rule.labels), default: 0] += 1
            }
        }
        return counts.filter { $0.value > 1 }.keys.sorted {
            $0.name == $1.name
                ? $0.labels.lexicographicallyPrecedes($1.labels) : $0.name < $1.name
        }
    }
}
