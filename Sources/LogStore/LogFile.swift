// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
import SystemPackage

/// A file of the store: read at offsets, appended to, never followed through a link.
struct LogFile: ~Copyable {
    let path: String
    private let descriptor: OwnedDescriptor

    /// Opens a regular file; throws for links, pipes and devices.
    init(path: String, flags: Int32) throws(LogStoreError) {
        self.path = path
        descriptor = try Self.open(path, flags)
    }

    private static func open(
        _ path: String, _ flags: Int32
    ) throws(LogStoreError) -> OwnedDescriptor {
        do throws(Errno) {
            let opened = try OwnedDescriptor(
                opening: path, flags: flags | O_NOFOLLOW | O_NONBLOCK, mode: 0o640)
            var status = stat()
            guard fstat(opened.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw .invalidArgument
            }
            return opened
        } catch { throw .system("opening", path, error.rawValue) }
    }

    var size: Int {
        var status = stat()
        return fstat(descriptor.raw, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Fills `buffer` from `offset`; how many bytes there were.
    func read(
        at offset: Int, into buffer: UnsafeMutableRawBufferPointer
    ) throws(LogStoreError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor.raw, buffer.baseAddress.map { $0 + done }, buffer.count - done,
                off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system("reading", path) }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// One byte; nil where there is none or it cannot be read.
    func byte(at offset: Int) -> UInt8? {
        var byte: UInt8 = 0
        return pread(descriptor.raw, &byte, 1, off_t(offset)) == 1 ? byte : nil
    }

    /// As many of the `count` bytes at `offset` as there are.
    func bytes(at offset: Int, count: Int) throws(LogStoreError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var failure: LogStoreError?
        let got = result.withUnsafeMutableBytes { buffer -> Int in
            do throws(LogStoreError) { return try read(at: offset, into: buffer) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        result.removeLast(count - got)
        return result
    }

    /// Writes all of `bytes` at `offset`, or leaves the file as long as it was.
    func write(_ bytes: [UInt8], at offset: Int) throws(LogStoreError) {
        var done = 0
        let raw = descriptor.raw
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(
                    raw, $0.baseAddress.map { $0 + done }, $0.count - done, off_t(offset + done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                _ = ftruncate(raw, off_t(offset))
                throw .system("writing", path, count == 0 ? ENOSPC : code)
            }
            done += count
        }
    }

    func truncate(to size: Int) throws(LogStoreError) {
        guard ftruncate(descriptor.raw, off_t(size)) == 0 else { throw .system("cutting", path) }
    }

    /// Waits until the disk has what was written.
    func sync() throws(LogStoreError) {
        guard fdatasync(descriptor.raw) == 0 else { throw .system("syncing", path) }
    }

    /// Waits until the disk has the names in a directory.
    static func syncDirectory(_ path: String) throws(LogStoreError) {
        let directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .system("opening", path) }
        defer { Glibc.close(directory) }
        guard fsync(directory) == 0 else { throw .system("syncing", path) }
    }

    /// The regular file's bytes, at most so many; nil when there is none.
    static func contents(_ path: String, limit: Int) -> [UInt8]? {
        guard let file = try? LogFile(path: path, flags: O_RDONLY) else { return nil }
        let size = file.size
        return size > limit ? nil : try? file.bytes(at: 0, count: size)
    }

    /// The names in a directory, sorted; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
