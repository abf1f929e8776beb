// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux

/// What the kernel says of this process.
enum Measure {
    /// CPU seconds of this thread.
    static var threadCPU: Double {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// Bytes of a field such as `RssAnon` of `/proc/self/status`.
    static func memory(_ field: String) -> Int {
        var buffer = ReadBuffer()
        let text = KernelFile.readOnce(path: "/proc/self/status", into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        for line in (text ?? "").split(separator: "\n") where line.hasPrefix(field + ":") {
            let number = line.split { $0 == " " || $0 == "\t" }.dropFirst().first
            return 1024 * (number.flatMap { Int($0) } ?? 0)
        }
        return 0
    }
}

/// What `Benchmarks/sampling/interpose.c` counts when it is preloaded.
enum Interposed {
    private typealias Counter = @convention(c) () -> Int

    private static let allocationCounter = find("ullage_bench_allocations")
    private static let readCounter = find("ullage_bench_reads")

    static var isThere: Bool { allocationCounter != nil }
    static var allocations: Int { allocationCounter?() ?? 0 }
    static var reads: Int { readCounter?() ?? 0 }

    private static func find(_ name: String) -> Counter? {
        dlsym(nil, name).map { unsafeBitCast($0, to: Counter.self) }
    }
}
