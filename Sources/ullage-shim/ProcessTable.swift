// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What `/proc/PID/stat` says of a process.
enum ProcessTable {
    /// The start in clock ticks since boot, field 22 (proc(5)); 0 when the process is gone.
    static func startTicks(_ pid: pid_t) -> UInt64 {
        var path = Message()
        defer { path.free() }
        path.add("/proc/")
        path.add(Int64(pid))
        path.add("/stat")
        let descriptor = ul_open(path.cString(), O_RDONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: 1025)
        defer { buffer.deallocate() }
        buffer[max(0, read(descriptor, buffer, 1024))] = 0
        // The name in field 2 may hold anything but ends at the last parenthesis.
        guard var at = strrchr(buffer, 0x29) else { return 0 }
        for _ in 0..<20 {
            guard let space = strchr(at, 0x20) else { return 0 }
            at = space + 1
        }
        return UInt64(strtoull(at, nil, 10))
    }
}

/// The wall clock.
enum Clock {
    static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    static func milliseconds() -> Int64 { nanoseconds() / 1_000_000 }
}
