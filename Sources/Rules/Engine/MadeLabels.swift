// SPDX-License-Identifier: Apache-2.0

import Model

/// The label sets that a rule made of those of its vector. Kept from one evaluation to the next, for
/// nearly all of them come again; what did not come in an evaluation is forgotten with the next.
struct MadeLabels: Sendable {
    private struct Made {
        let values: [String]
        let labels: Labels
    }

    private var known: [Labels: Made] = [:]
    private var current: [Labels: Made] = [:]

    /// Begins an evaluation.
    mutating func begin(count: Int) {
        swap(&known, &current)
        current.removeAll(keepingCapacity: true)
        current.reserveCapacity(count)
    }

    /// What `make` made of `source` and `values`, which must be all that it depends on.
    mutating func labels(
        of source: Labels, _ values: [String] = [], make: () -> Labels
    ) -> Labels {
        let made: Made
        if let before = known[source], before.values == values {
            made = before
        } else {
            made = Made(values: values, labels: make())
        }
        current[source] = made
        return made.labels
    }
}
