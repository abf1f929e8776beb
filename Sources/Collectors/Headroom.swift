// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// Room left of each limit a container has, and when it runs out.
///
/// Memory counts the working set, because page cache that can go at once is room. CPU compares the
/// cores in use since the last tick with the quota.
struct Headroom: Hashable {
    /// Shares left, 0 (full) to 1 (empty); nil without a limit.
    var memory: Double?
    var cpu: Double?
    var pids: Double?
    /// Bytes left of the memory limit.
    var memoryBytes: Double?
    /// Seconds until full at the present trend; nil without one.
    var memoryTime: Double?
    var pidsTime: Double?
    /// Share of the scheduling periods since the last tick in which the quota held it back.
    var throttled: Double?

    init() {}

    init(_ reading: borrowing CgroupReading, cores: Double?) {
        if let limit = reading.memoryLimit, limit > 0, let used = reading.workingSet {
            memory = Self.share(Double(used), of: Double(limit))
            memoryBytes = Double(max(0, limit - used))
        }
        if let quota = reading.quota?.cores, quota > 0, let cores {
            cpu = Self.share(cores, of: quota)
        }
        if let limit = reading.pidsLimit, limit > 0, let pids = reading.pids {
            self.pids = Self.share(Double(pids), of: Double(limit))
        }
    }

    /// The least share left, and of what.
    var tightest: (ratio: Double, resource: String)? {
        var least: (ratio: Double, resource: String)?
        func consider(_ ratio: Double?, _ resource: String) {
            guard let ratio, ratio < least?.ratio ?? .infinity else { return }
            least = (ratio, resource)
        }
        consider(memory, "memory")
        consider(cpu, "cpu")
        consider(pids, "pids")
        return least
    }

    /// The first limit to be reached, in seconds.
    var timeToFull: Double? {
        guard let memoryTime, let pidsTime else { return memoryTime ?? pidsTime }
        return min(memoryTime, pidsTime)
    }

    private static func share(_ used: Double, of limit: Double) -> Double {
        min(1, max(0, 1 - used / limit))
    }
}
