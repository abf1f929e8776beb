// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// Memory that readers share, one file after another, and that grows only when a file needs it.
public struct ReadBuffer: ~Copyable {
    /// Files of the kernel are far smaller; what is larger is not read to its end.
    public static let limit = 1 << 20

    fileprivate var memory: UnsafeMutableRawBufferPointer

    /// A buffer that starts with room for `capacity` bytes.
    public init(capacity: Int = 8192) {
        memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    fileprivate mutating func grow() -> Bool {
        guard memory.count < Self.limit else { return false }
        memory.deallocate()
        memory = .allocate(byteCount: min(memory.count * 4, Self.limit), alignment: 16)
        return true
    }
}

/// A file of procfs, sysfs or a cgroup that is read again and again.
///
/// The descriptor is kept and read at offset 0: 1 µs instead of 6 µs for a small cgroup file,
/// because opening costs more than reading. Without a descriptor to spare the file is opened each
/// time, below a directory that is kept.
public struct KernelFile: ~Copyable {
    private let descriptor: Int32

    /// Opens `name` below `directory`; nil when there is no such file.
    public init?(_ name: String, in directory: borrowing OwnedDescriptor) {
        descriptor = ul_openat(directory.raw, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
        if descriptor < 0 { return nil }
    }

    /// Opens a path; nil when there is no such file or it may not be read.
    public init?(path: String) {
        descriptor = ul_open(path, O_RDONLY | O_CLOEXEC, 0)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Reads the whole file into `buffer` and gives its bytes to `body`. Throws `ENODEV` when the
    /// cgroup behind the file was removed, `ESRCH` when the process ended.
    public borrowing func read<R>(
        into buffer: inout ReadBuffer, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(Errno) -> R {
        try Self.read(descriptor, into: &buffer, body)
    }

    /// Reads a file once, below a kept directory; nil when there is no such file.
    public static func readOnce<R>(
        _ name: String, in directory: borrowing OwnedDescriptor, into buffer: inout ReadBuffer,
        _ body: (UnsafeRawBufferPointer) -> R
    ) throws(Errno) -> R? {
        let file = ul_openat(directory.raw, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw Errno(rawValue: errno)
        }
        defer { close(file) }
        return try read(file, into: &buffer, body)
    }

    /// Reads a file once, by its path; nil when there is none or it may not be read.
    public static func readOnce<R>(
        path: String, into buffer: inout ReadBuffer, _ body: (UnsafeRawBufferPointer) -> R
    ) -> R? {
        let file = ul_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return try? read(file, into: &buffer, body)
    }

    /// Like `read`, for files of many records, of which the kernel gives a page at a time:
    /// `/proc/net/dev`, `/proc/diskstats`, `/proc/vmstat`.
    public borrowing func readToEnd<R>(
        into buffer: inout ReadBuffer, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(Errno) -> R {
        try Self.read(descriptor, toEnd: true, into: &buffer, body)
    }

    /// Gives up the descriptor, which the caller closes from now on.
    fileprivate consuming func release() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    private static func read<R>(
        _ file: Int32, toEnd: Bool = false, into buffer: inout ReadBuffer,
        _ body: (UnsafeRawBufferPointer) -> R
    ) throws(Errno) -> R {
        body(try bytes(of: file, toEnd: toEnd, into: &buffer))
    }

    /// The bytes of a file; they are the buffer's, and there until it is used again.
    fileprivate static func bytes(
        of file: Int32, toEnd: Bool = false, into buffer: inout ReadBuffer
    ) throws(Errno) -> UnsafeRawBufferPointer {
        while true {
            var count = 0
            while count < buffer.memory.count, let base = buffer.memory.baseAddress {
                let got = pread(file, base + count, buffer.memory.count - count, off_t(count))
                if got == 0 { break }
                if got < 0 {
                    if errno == EINTR { continue }
                    throw Errno(rawValue: errno)
                }
                count += got
                // The kernel fills what it can of a small file in one go: a short read is the end.
                if !toEnd, count < buffer.memory.count { break }
            }
            if count == buffer.memory.count, buffer.grow() { continue }
            return UnsafeRawBufferPointer(rebasing: buffer.memory[..<count])
        }
    }
}

/// Files that are kept open and read one after the other, each with a number that says what it is.
/// They lie side by side in memory: with hundreds of containers, going from object to object would
/// cost more than what is done with them.
public struct KernelFileSet: ~Copyable {
    private var files: [(descriptor: Int32, kind: UInt8)] = []

    /// An empty set.
    public init() {}

    deinit { for file in files { close(file.descriptor) } }

    /// How many there are.
    public var count: Int { files.count }

    /// Adds a file of a kind.
    public mutating func add(_ file: consuming KernelFile, kind: UInt8) {
        files.append((file.release(), kind))
    }

    /// What the file at `index` is.
    public func kind(_ index: Int) -> UInt8 { files[index].kind }

    /// Reads the file at `index` as `KernelFile.read` does. The bytes are the buffer's, and there
    /// until it is used again.
    public func read(
        _ index: Int, into buffer: inout ReadBuffer
    ) throws(Errno) -> UnsafeRawBufferPointer {
        try KernelFile.bytes(of: files[index].descriptor, into: &buffer)
    }
}
