// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// Wakes a thread that waits in poll(2) (eventfd(2)).
public final class Wakeup: Sendable {
    private let descriptor: OwnedDescriptor

    /// A wake-up that has not happened.
    public init() throws(Errno) {
        let raw = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard raw >= 0 else { throw Errno(rawValue: errno) }
        descriptor = OwnedDescriptor(owning: raw)
    }

    /// Wakes the waiting thread, or the next that waits. Safe from any thread.
    public func wake() {
        var one: UInt64 = 1
        _ = write(descriptor.raw, &one, 8)
    }

    /// Waits until `other` is readable, `wake` was called, or the time is over; -1 waits for
    /// ever, and a negative `other` is not waited for. Says whether `wake` was called.
    public func wait(with other: Int32 = -1, milliseconds: Int64) -> Bool {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { polls in
            polls[0] = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
            polls[1] = pollfd(fd: other, events: Int16(POLLIN), revents: 0)
            let ready = poll(polls.baseAddress, 2, Int32(clamping: milliseconds))
            guard ready > 0, polls[0].revents != 0 else { return false }
            var count: UInt64 = 0
            _ = read(descriptor.raw, &count, 8)
            return true
        }
    }
}
