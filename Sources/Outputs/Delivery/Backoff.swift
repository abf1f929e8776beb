// SPDX-License-Identifier: Apache-2.0

import Model

/// How long to wait before another attempt: twice as long each time, half of it left to chance, so
/// that hosts whose sink was down do not come back as one.
struct Backoff {
    /// The wait after the first failure, in milliseconds.
    var first: Milliseconds = 500
    /// The longest wait.
    var longest: Milliseconds = 30_000
    /// The longest that a sink may ask for.
    static let longestAsked: Milliseconds = 3_600_000

    private(set) var attempts = 0

    /// The wait after one more failure; at least what the sink asked for.
    mutating func next(
        asked: Milliseconds?, using random: inout some RandomNumberGenerator
    ) -> Milliseconds {
        let full = min(longest, first << Milliseconds(min(attempts, 20)))
        attempts += 1
        let wait = full / 2 + Milliseconds.random(in: 0...max(1, full / 2), using: &random)
        guard let asked else { return wait }
        return max(wait, min(asked, Self.longestAsked))
    }

    mutating func reset() { attempts = 0 }
}

/// Keeps a sink to so many bytes a second, with a second's worth at once.
struct Throttle {
    /// Bytes a second; 0 for no limit.
    let rate: Int64
    private var credit: Double
    private var last: UInt64 = 0

    init(rate: Int64) {
        self.rate = rate
        credit = Double(rate)
    }

    /// Takes note of `bytes` that will be sent; how long to wait before, in milliseconds.
    mutating func take(_ bytes: Int, now nanoseconds: UInt64) -> Milliseconds {
        guard rate > 0 else { return 0 }
        if last > 0, nanoseconds > last {
            let earned = Double(nanoseconds - last) / 1e9 * Double(rate)
            credit = min(Double(rate), credit + earned)
        }
        last = nanoseconds
        credit -= Double(bytes)
        return credit >= 0 ? 0 : Milliseconds((-credit / Double(rate) * 1000).rounded(.up))
    }
}
