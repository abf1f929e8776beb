// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// A file descriptor that is closed when its owner goes away.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The kernel's number. Valid while this value lives.
    public let raw: Int32

    /// Takes over a descriptor that nobody else closes.
    public init(owning raw: Int32) { self.raw = raw }

    /// Opens `path` (open(2)); `O_CLOEXEC` is added.
    public init(opening path: String, flags: Int32, mode: UInt32 = 0) throws(Errno) {
        raw = ul_open(path, flags | O_CLOEXEC, mode)
        if raw < 0 { throw Errno(rawValue: errno) }
    }

    /// Opens `path` below a directory (openat(2)); `O_CLOEXEC` is added.
    public init(
        opening path: String, at directory: borrowing OwnedDescriptor, flags: Int32
    ) throws(Errno) {
        raw = ul_openat(directory.raw, path, flags | O_CLOEXEC, 0)
        if raw < 0 { throw Errno(rawValue: errno) }
    }

    deinit { close(raw) }
}
