// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The C library's allocator, which Swift's objects live in.
public enum Allocator {
    /// Bytes from which a piece of memory is mapped by itself, and goes back to the kernel when it is
    /// freed.
    private static let ownMapping: Int32 = 1 << 20

    /// Has large pieces given back to the kernel as soon as they are freed. By itself the allocator
    /// raises the size of what it calls large with each one that is freed (mallopt(3),
    /// M_MMAP_THRESHOLD), up to 32 MiB: what a daemon needs for a moment, such as a table that grows,
    /// it would then keep for good. Called once, before there are threads.
    public static func giveBackEarly() {
        _ = mallopt(M_MMAP_THRESHOLD, ownMapping)
        _ = mallopt(M_TRIM_THRESHOLD, ownMapping)
    }
}
