// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What the kernel says of this process.
enum Measure {
    private static func seconds(_ clock: clockid_t) -> Double {
        var now = timespec()
        clock_gettime(clock, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    static var wall: Double { seconds(CLOCK_MONOTONIC) }
    /// CPU seconds of all threads.
    static var cpu: Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }
    /// CPU seconds of this thread.
    static var threadCPU: Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

    /// Bytes of a field such as `RssAnon` of `/proc/self/status`.
    static func memory(_ field: String) -> Int { 1024 * number(field, in: "/proc/self/status") }

    /// Bytes that this process sent to disks (`write_bytes` of `/proc/self/io`).
    static var written: Int { number("write_bytes", in: "/proc/self/io") }

    private static func number(_ field: String, in path: String) -> Int {
        guard let file = fopen(path, "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let parts = text.split { $0 == ":" || $0 == " " || $0 == "\t" || $0 == "\n" }
            if parts.count > 1, parts[0] == field { return Int(parts[1]) ?? 0 }
        }
        return 0
    }
}
