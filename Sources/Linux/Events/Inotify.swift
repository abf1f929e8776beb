// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// Tells when files and directories change (inotify(7)).
public struct Inotify: ~Copyable, Sendable {
    /// A change of something watched.
    public struct Event {
        /// Which watch it belongs to, or -1 when the kernel's queue overflowed.
        public let watch: Int32
        /// What happened: `IN_CREATE` and the like.
        public let mask: UInt32
        /// The entry of the directory watched, as bytes; empty for a file watched itself.
        public let name: UnsafeRawBufferPointer

        /// Whether events were lost, so that everything must be looked at anew.
        public var overflowed: Bool { mask & UInt32(IN_Q_OVERFLOW) != 0 }
    }

    /// Readable when an event is there.
    public let descriptor: OwnedDescriptor

    /// A new instance. Throws `EMFILE` when the user's instances are used up
    /// (`fs.inotify.max_user_instances`).
    public init() throws(Errno) {
        let raw = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard raw >= 0 else { throw Errno(rawValue: errno) }
        descriptor = OwnedDescriptor(owning: raw)
    }

    /// Watches `path` for the events of `mask`. Throws `ENOENT` when there is nothing, `ENOSPC`
    /// when the user's watches are used up (`fs.inotify.max_user_watches`).
    public borrowing func watch(_ path: String, _ mask: Int32) throws(Errno) -> Int32 {
        let watch = inotify_add_watch(descriptor.raw, path, UInt32(bitPattern: mask))
        guard watch >= 0 else { throw Errno(rawValue: errno) }
        return watch
    }

    /// Ends a watch; one that ended by itself is ignored.
    public borrowing func unwatch(_ watch: Int32) {
        inotify_rm_watch(descriptor.raw, watch)
    }

    /// Calls `body` with each event that is there, without waiting.
    public borrowing func drain(_ body: (Event) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 8) { memory in
            while true {
                let count = read(descriptor.raw, memory.baseAddress, memory.count)
                guard count > 0 else { return }
                var at = 0
                while at + 16 <= count {
                    let watch = memory.loadUnaligned(fromByteOffset: at, as: Int32.self)
                    let mask = memory.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)
                    let length = Int(memory.loadUnaligned(fromByteOffset: at + 12, as: UInt32.self))
                    guard length >= 0, at + 16 + length <= count else { return }
                    let padded = UnsafeRawBufferPointer(
                        rebasing: memory[(at + 16)..<(at + 16 + length)])
                    let end = padded.firstIndex(of: 0) ?? padded.count
                    body(Event(watch: watch, mask: mask, name: .init(rebasing: padded[..<end])))
                    at += 16 + length
                }
            }
        }
    }
}
