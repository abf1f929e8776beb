// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// Does something with each of a query's series, on several cores when there is enough to do.
public enum SeriesLoop {
    /// Values below which a second thread costs more than it saves.
    private static let worthSharing = 6000
    /// What reading a series costs, in values: it is unpacked from the beginning of its segment.
    private static let seriesCost = 100
    /// Threads for one query; others run at the same time.
    public static let threads = min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// Calls `body` for each number below `count`, each number once, with a scratch of the thread that
    /// calls it; gives what it returned, in order. `body` may change nothing but its scratch and what
    /// belongs to that number alone. `values` is how many values each call yields. Of several errors
    /// one is thrown.
    public static func map<Scratch, Result>(
        _ count: Int, values: Int, threads: Int, scratch: () -> Scratch,
        _ body: (Int, inout Scratch) throws -> Result
    ) throws -> [Result] {
        let work = count.multipliedReportingOverflow(by: values + seriesCost)
        guard threads > 1, count > 1, work.overflow || work.partialValue >= worthSharing else {
            var own = scratch()
            return try (0..<count).map { try body($0, &own) }
        }
        return try withoutActuallyEscaping(body) { body in
            try withoutActuallyEscaping(scratch) { scratch in
                try share(count, threads, scratch, body)
            }
        }
    }

    private static func share<Scratch, Result>(
        _ count: Int, _ threads: Int, _ scratch: @escaping () -> Scratch,
        _ body: @escaping (Int, inout Scratch) throws -> Result
    ) throws -> [Result] {
        var results = [Result?](repeating: nil, count: count)
        let failure = Mutex<(any Error)?>(nil)
        let next = Atomic<Int>(0)
        // Small, for all wait for the one that is last.
        let batch = max(1, count / (threads * 32))
        results.withUnsafeMutableBufferPointer { results in
            // Safe: all threads are done before this returns; `next` gives each number to one thread, so
            // that no two call `body` for the same series or write the same result; `body` changes
            // nothing else but its scratch, which each thread has of its own.
            nonisolated(unsafe) let results = results
            nonisolated(unsafe) let body = body
            nonisolated(unsafe) let scratch = scratch
            DispatchQueue.concurrentPerform(iterations: threads) { _ in
                var own = scratch()
                while true {
                    let start = next.wrappingAdd(batch, ordering: .relaxed).oldValue
                    guard start < count else { return }
                    do {
                        for i in start..<min(start + batch, count) {
                            results[i] = try body(i, &own)
                        }
                    } catch {
                        failure.withLock { $0 = $0 ?? error }
                        next.store(count, ordering: .relaxed)
                    }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return results.compactMap { $0 }
    }
}
