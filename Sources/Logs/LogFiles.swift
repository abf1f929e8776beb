// SPDX-License-Identifier: Apache-2.0

import CLinux
import Codecs
import Glibc
import Linux
import Model
import SystemPackage

/// One file of a log: the one that is written, or one put aside, which may be compressed.
struct LogFileName {
    var path: String
    var device: UInt64
    var inode: UInt64
    /// Nanoseconds since the epoch.
    var modified: Int64
    var isCompressed: Bool

    /// A log's files, oldest first: those put aside as `LOG.2.gz`, `LOG.1` or `LOG.20260131-120000`,
    /// then the log itself. Links, devices and what else is no regular file are left out.
    static func all(of path: String) -> [LogFileName] {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = String(path[..<slash])
        let base = path[path.index(after: slash)...] + "."
        var aside: [(order: Int, name: String)] = []
        for name in names(in: directory) where name.hasPrefix(base) {
            var suffix = name.dropFirst(base.count)
            if suffix.hasSuffix(".gz") { suffix = suffix.dropLast(3) }
            guard let first = suffix.utf8.first, first &- 0x30 < 10 else { continue }
            if suffix.utf8.count <= 5, let number = Int(suffix) {
                aside.append((-number, name))
            } else if suffix.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 == 0x2d }) {
                // A date: put before the numbers, in its own order.
                aside.append((-1_000_000, name))
            }
        }
        aside.sort { ($0.order, $0.name) < ($1.order, $1.name) }
        var result: [LogFileName] = []
        var last: Int?
        for (order, name) in aside {
            // `LOG.1` beside a complete `LOG.1.gz` is the same once more.
            if order == last, order > -1_000_000 { continue }
            guard let file = LogFileName(directory + "/" + name) else { continue }
            result.append(file)
            last = order
        }
        if let live = LogFileName(path) { result.append(live) }
        return result
    }

    private init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.path = path
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        isCompressed = path.hasSuffix(".gz")
    }

    private static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }
}

/// An open log file, read at offsets of its text. Used by one thread.
final class LogInput {
    private let file: OwnedDescriptor
    private let isCompressed: Bool
    let device: UInt64
    let inode: UInt64

    // The text of a compressed file from `windowStart` on, as far as it was needed.
    private var inflater: GzipReader?
    private var window: [UInt8] = []
    private var windowStart = 0
    private var taken = 0

    /// Opens a regular file, never through a link.
    init(_ path: String, isCompressed: Bool) throws(Errno) {
        file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .invalidArgument
        }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        self.isCompressed = isCompressed
        if isCompressed { inflater = GzipReader() }
    }

    /// Bytes of text; as many as there can be for a compressed file.
    var size: Int {
        guard !isCompressed else { return .max }
        var status = stat()
        return fstat(file.raw, &status) == 0 ? Int(status.st_size) : 0
    }

    /// When it was written last, in nanoseconds since the epoch.
    var modified: Int64 {
        var status = stat()
        guard fstat(file.raw, &status) == 0 else { return 0 }
        return Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    }

    /// Fills the buffer from an offset of the text; how many bytes there were.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if isCompressed { return inflate(at: offset, into: buffer) }
        var done = 0
        while done < buffer.count {
            let count = pread(
                file.raw, buffer.baseAddress.map { $0 + done }, buffer.count - done,
                off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        return done
    }

    private func inflate(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        if offset < windowStart {
            inflater = GzipReader()
            (windowStart, taken) = (0, 0)
            window.removeAll()
        }
        var input = [UInt8](repeating: 0, count: 1 << 16)
        var output = [UInt8](repeating: 0, count: 1 << 18)
        while windowStart + window.count < offset + buffer.count, let inflater {
            // Only what is from `offset` on is kept, however much comes before it.
            let passed = min(offset - windowStart, window.count)
            if passed > 0 {
                window.removeFirst(passed)
                windowStart += passed
            }
            let count = pread(file.raw, &input, input.count, off_t(taken))
            guard count > 0 else { break }
            let step = input.withUnsafeBytes { from in
                output.withUnsafeMutableBytes {
                    inflater.read(.init(rebasing: from[..<count]), into: $0)
                }
            }
            guard let step, step.taken > 0 || step.made > 0 else { break }
            taken += step.taken
            window += output[..<step.made]
        }
        let from = offset - windowStart
        guard from >= 0, from < window.count else { return 0 }
        let count = min(buffer.count, window.count - from)
        window.withUnsafeBytes {
            buffer.copyMemory(from: .init(rebasing: $0[from..<(from + count)]))
        }
        return count
    }

    /// A checksum of the first bytes, at most `limit`, and how many those were (FNV-1a).
    func head(limit: Int) -> (hash: UInt64, length: Int) {
        withUnsafeTemporaryAllocation(byteCount: max(1, limit), alignment: 8) { buffer in
            let count = read(at: 0, into: .init(rebasing: buffer[..<limit]))
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for i in 0..<count { hash = (hash ^ UInt64(buffer[i])) &* 0x0000_0100_0000_01b3 }
            return (hash, count)
        }
    }
}
