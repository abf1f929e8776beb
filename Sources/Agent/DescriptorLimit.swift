// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many files the process may have open.
enum DescriptorLimit {
    /// What is asked for: kept log files, kept kernel files and connections.
    private static let wanted: rlim_t = 65_536

    /// Raises the soft limit, which is 1024 by default, as far as the hard limit allows; gives the
    /// limit in force.
    static func raise() -> Int {
        var limit = rlimit()
        guard getrlimit(RLIMIT_NOFILE, &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        limit.rlim_cur = min(limit.rlim_max, max(before, wanted))
        let isRaised = limit.rlim_cur == before || setrlimit(RLIMIT_NOFILE, &limit) == 0
        return Int(clamping: isRaised ? limit.rlim_cur : before)
    }
}
