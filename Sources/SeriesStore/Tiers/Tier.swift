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

    /// The stretch of time that a bucket of a tier other than `raw` holds: what is after a multiple
    /// of it up to the next, the next included.
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

    /// The first instant of the window that a time is in.
    static func window(of time: Milliseconds) -> Milliseconds {
        part(of: time, window) * window + 1
    }

    /// The number of the part that a time is in, of parts of a width. As Prometheus' windows do, a
    /// part ends with a multiple of its width and that is in it: windows and steps that are multiples
    /// of the width, as dashboards have them, are made of whole parts.
    static func part(of time: Milliseconds, _ width: Milliseconds) -> Milliseconds {
        let before = time - 1
        return (before >= 0 ? before : before - width + 1) / width
    }
}
