// SPDX-License-Identifier: Apache-2.0

import YAML

/// One thing that is wrong at one place.
typealias ConfigProblem = YAMLProblem

/// Everything that is wrong with a configuration, one `file:line:column: what` a line.
public struct ConfigError: Error, CustomStringConvertible, Sendable {
    /// The lines.
    public let description: String

    init(_ description: String) { self.description = description }

    init(file: String, _ problems: [ConfigProblem]) {
        description = problems.map {
            "\(file):\($0.mark.line):\($0.mark.column): \($0.message)"
        }.joined(separator: "\n")
    }
}

/// The nearest of some words, to suggest.
enum Suggestion {
    /// The candidate within a third of its length in edits, if any.
    static func nearest(_ word: String, among candidates: [String]) -> String? {
        let best = candidates.map { ($0, distance(Array(word.utf8.prefix(64)), Array($0.utf8))) }
            .min { $0.1 < $1.1 }
        guard let best, best.1 <= max(1, best.0.utf8.count / 3) else { return nil }
        return best.0
    }

    /// Levenshtein's distance.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
