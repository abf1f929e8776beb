// SPDX-License-Identifier: Apache-2.0

import Model

/// How long to wait before trying again: doubling from one second to a longest, half of it random,
/// so that agents that failed together do not come back together.
struct Backoff: Sendable {
    /// Milliseconds of the first wait.
    var first: Milliseconds = 1000
    /// Milliseconds of the longest.
    var longest: Milliseconds = 300_000
    private(set) var failures = 0

    /// After success.
    mutating func reset() { failures = 0 }

    /// The next wait, no shorter than what the other side asked for.
    mutating func next(
        atLeast least: Milliseconds?, using random: inout some RandomNumberGenerator
    ) -> Milliseconds {
        let full = min(longest, first << min(failures, 20))
        failures += 1
        let wait = full / 2 + Milliseconds.random(in: 0...(full / 2), using: &random)
        return max(wait, least ?? 0)
    }
}
