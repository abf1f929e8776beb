// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Notify

/// Which instants an interval holds.
@Suite("Time intervals")
struct TimeIntervalTests {
    /// Wednesday, 31 January 2024, 23:30 UTC.
    private let wednesday: Milliseconds = 1_706_743_800_000

    @Test("Each part restricts, an empty one does not")
    func parts() {
        var interval = TimeInterval()
        #expect(interval.contains(wednesday))
        interval.times = [22 * 60..<24 * 60]
        #expect(interval.contains(wednesday))
        #expect(!interval.contains(wednesday + 1_800_000), "24:00 is not within")
        interval.weekdays = [3...3]
        #expect(interval.contains(wednesday))
        interval.daysOfMonth = [(first: -1, last: -1)]
        #expect(interval.contains(wednesday))
        interval.months = [1...1]
        interval.years = [2024...2024]
        #expect(interval.contains(wednesday))
        interval.years = [2025...2030]
        #expect(!interval.contains(wednesday))
    }

    @Test("The last day of February is the 29th in leap years")
    func february() {
        var interval = TimeInterval()
        interval.daysOfMonth = [(first: -1, last: -1)]
        #expect(interval.contains(1_709_208_000_000), "2024-02-29")
        #expect(!interval.contains(1_709_121_600_000), "2024-02-28")
        #expect(interval.contains(1_677_585_600_000), "2023-02-28")
    }
}
