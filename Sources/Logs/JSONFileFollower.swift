// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
public import Model
public import SystemPackage

/// Reads a json-file log from its start, or its last lines, and then whatever is added.
///
/// Used by one thread. A damaged line is passed over and counted; a line longer than 1 MiB is
/// damaged. Links, devices and pipes in place of the file are refused.
public final class JSONFileFollower {
    private let file: OwnedDescriptor
    private let inotify: Inotify
    private var offset: Int64 = 0
    private var pending: [UInt8] = []
    private static let maxLine = 1 << 20

    /// Lines that were no records.
    public private(set) var damaged = 0

    /// Opens the file. Throws `ELOOP` for a link, `EINVAL` for what is no regular file.
    public init(path: String) throws(Errno) {
        file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .invalidArgument
        }
        inotify = try Inotify()
        _ = try inotify.watch(path, Int32(IN_MODIFY))
    }

    /// Goes to where the last `count` records begin, reading backwards in blocks.
    public func seek(toLast count: Int) {
        var position = Int64(lseek(file.raw, 0, SEEK_END))
        guard count > 0 else {
            offset = position
            return
        }
        var left = count + 1
        var block = [UInt8](repeating: 0, count: 65536)
        while position > 0 {
            let size = Int(min(Int64(block.count), position))
            position -= Int64(size)
            guard pread(file.raw, &block, size, off_t(position)) == size else { return }
            for i in stride(from: size - 1, through: 0, by: -1) where block[i] == 0x0a {
                left -= 1
                if left == 0 {
                    offset = position + Int64(i) + 1
                    return
                }
            }
        }
    }

    /// Calls `body` with each record that is there. A file that was cut is read from its start.
    public func read(_ body: (LogRecord, String) -> Void) {
        var status = stat()
        if fstat(file.raw, &status) == 0, Int64(status.st_size) < offset {
            offset = 0
            pending.removeAll()
        }
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = pread(file.raw, &block, block.count, off_t(offset))
            guard count > 0 else { return }
            offset += Int64(count)
            take(block[..<count], body)
        }
    }

    /// Waits until the file has grown, at most so long.
    public func wait(milliseconds: Int32) {
        var poll = pollfd(fd: inotify.descriptor.raw, events: Int16(POLLIN), revents: 0)
        if Glibc.poll(&poll, 1, milliseconds) > 0 { inotify.drain { _ in } }
    }

    private func take(_ bytes: ArraySlice<UInt8>, _ body: (LogRecord, String) -> Void) {
        var rest = bytes
        while let newline = rest.firstIndex(of: 0x0a) {
            pending += rest[..<newline]
            rest = rest[(newline + 1)...]
            let parsed = pending.withUnsafeBytes { JSONFileParser.parse($0) }
            if let parsed { body(parsed.record, parsed.time) } else { damaged += 1 }
            pending.removeAll(keepingCapacity: true)
        }
        pending += rest
        if pending.count > Self.maxLine { pending = [0] }
    }
}
