// SPDX-License-Identifier: Apache-2.0

import Model

/// A resolution that samples are kept in; the number is that of the column `bucket.tier`.
enum Tier: Int, CaseIterable, Comparable, Sendable {
    /// As they were sampled.
    case raw = 0
    /// One sample for each five minutes.
    case fiveMinutes = 1
    /// One sample for each hour.
    case hour = 2

    /// The stretch of time that a bucket of a tier other than `raw` holds, from a multiple of it.
    static let window: Milliseconds = 8 * 3_600_000

    static func < (one: Tier, other: Tier) -> Bool { one.rawValue < other.rawValue }

    /// What users call it.
    var name: String {
        switch self {
        case .raw: "raw"
        case .fiveMinutes: "5m"
        case .hour: "1h"
        }
    }

    /// The time between two samples; 0 for what was sampled.
    var resolution: Milliseconds {
        switch self {
        case .raw: 0
        case .fiveMinutes: 300_000
        case .hour: 3_600_000
        }
    }

    /// The start of the window that a time is in.
    static func window(of time: Milliseconds) -> Milliseconds {
        (time >= 0 ? time : time - window + 1) / window * window
    }
}
