// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import SystemPackage

/// A directory of another program's state, read with suspicion: what is opened below it is never
/// reached through a symbolic link, is a regular file, and has at most the bytes allowed
/// (openat2(2), Linux 5.6).
public struct ConfinedDirectory: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// What tells one version of a file from another.
    public struct Version: Hashable, Sendable {
        fileprivate var inode: UInt64
        fileprivate var size: Int64
        fileprivate var seconds: Int64
        fileprivate var nanoseconds: Int64
    }

    /// Opens `path`, which the operator chose and may be a link itself.
    public init(_ path: String) throws(Errno) {
        descriptor = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    }

    /// The bytes of the regular file `name` and its version; nil when it is absent, something else
    /// than a regular file, behind a link, or over `limit` bytes. When it is still `known`, its
    /// bytes are not read and are empty.
    public borrowing func read(
        _ name: String, limit: Int, known: Version? = nil
    ) -> (bytes: [UInt8], version: Version)? {
        let file = ul_open_beneath(descriptor.raw, name)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size <= limit
        else { return nil }
        let version = Version(
            inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int64(status.st_mtim.tv_nsec))
        if version == known { return ([], version) }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got < 0 { return nil }
            if got == 0 { break }
            count += got
        }
        guard count <= limit else { return nil }
        return (Array(bytes[..<count]), version)
    }
}

/// Names in a directory.
public enum DirectoryListing {
    /// The subdirectories of `path`, links left out, at most `limit`; nil when it cannot be read.
    public static func directories(_ path: String, limit: Int = 100_000) -> [String]? {
        guard let stream = opendir(path) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream), names.count < limit {
            let type = Int32(entry.pointee.d_type)
            guard type == Int32(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    String(
                        validatingCString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
                }
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The names of the regular files in `path`, at most `limit`; none when it cannot be read.
    public static func files(_ path: String, limit: Int) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream), names.count < limit {
            guard Int32(entry.pointee.d_type) == Int32(DT_REG) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) {
                    String(validatingCString: $0)
                }
            }
            if let name { names.append(name) }
        }
        return names
    }

    /// The inode and the time of change, in milliseconds, of `path`; nil when there is nothing.
    public static func status(_ path: String) -> (inode: UInt64, changed: Int64)? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        let time = status.st_ctim
        return (
            UInt64(status.st_ino), Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        )
    }
}
