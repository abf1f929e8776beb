// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The kernel's clocks.
public enum Clock {
    /// Wall-clock time in milliseconds since the Unix epoch. May be set back.
    public static func realtimeMilliseconds() -> Int64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

    /// Wall-clock time in nanoseconds since the Unix epoch. May be set back.
    public static func realtimeNanoseconds() -> Int64 { nanoseconds(CLOCK_REALTIME) }

    /// Nanoseconds since some start; never goes back.
    public static func monotonicNanoseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }

    /// Nanoseconds of CPU time the calling thread has used.
    public static func threadNanoseconds() -> Int64 { nanoseconds(CLOCK_THREAD_CPUTIME_ID) }

    /// Clock ticks in a second, the unit of CPU times in procfs.
    public static let ticksPerSecond = Int64(sysconf(Int32(_SC_CLK_TCK)))

    /// Bytes in a page of memory.
    public static let pageSize = Int64(sysconf(Int32(_SC_PAGESIZE)))

    private static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
