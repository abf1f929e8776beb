// SPDX-License-Identifier: Apache-2.0

import Collectors
import Model
import SeriesStore

/// What the series store says of itself, as samples.
enum StoreReadings {
    static func of(_ store: SeriesStore.Statistics, maxBytes: Int64) -> [SelfReading] {
        let parts: [(String, Int64)] = [
            ("database", store.databaseBytes), ("wal", store.walBytes),
            ("shm", store.sharedMemoryBytes), ("journal", store.journalBytes),
            ("set_aside", store.otherBytes),
        ]
        return parts.map { SelfReading(AgentMetrics.storeBytes, ["part": $0.0], Double($0.1)) } + [
            SelfReading(AgentMetrics.storeMaxBytes, [:], Double(maxBytes)),
            SelfReading(AgentMetrics.storeExpired, ["reason": "age"], Double(store.expiredByAge)),
            SelfReading(AgentMetrics.storeExpired, ["reason": "size"], Double(store.expiredBySize)),
            SelfReading(
                AgentMetrics.storeExpired, ["reason": "series"], Double(store.expiredBySeries)),
            SelfReading(AgentMetrics.storeAvailable, [:], Double(store.availableBytes)),
            SelfReading(AgentMetrics.storePressure, [:], Double(store.pressure)),
            SelfReading(
                AgentMetrics.storeUnjournaled, ["reason": "withheld"], Double(store.withheld)),
            SelfReading(
                AgentMetrics.storeUnjournaled, ["reason": "failed"],
                Double(store.unjournaled - store.withheld)),
            SelfReading(AgentMetrics.storeLost, [:], Double(store.leftOut)),
            SelfReading(AgentMetrics.storeErrors, [:], Double(store.errors)),
            SelfReading(AgentMetrics.storeQuarantined, [:], Double(store.quarantined)),
        ]
    }
}
