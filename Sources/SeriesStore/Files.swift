// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Glibc
import Linux
import SystemPackage

/// What is done to files by their names.
enum Files {
    static func makeDirectory(_ path: String) throws(Errno) {
        if mkdir(path, 0o755) != 0 { throw Errno(rawValue: errno) }
    }

    /// Makes a directory and those above it.
    static func makeDirectories(_ path: String) throws(Errno) {
        var made = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            made += "/" + part
            do { try makeDirectory(made) } catch { if error != .fileExists { throw error } }
        }
    }

    static func rename(_ path: String, to other: String) throws(Errno) {
        if Glibc.rename(path, other) != 0 { throw Errno(rawValue: errno) }
    }

    /// Removes a file; one that is not there is well.
    static func remove(_ path: String) { unlink(path) }

    /// Bytes of a file; 0 when there is none.
    static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Bytes that an unprivileged process may still write to the file system of `path`.
    static func available(_ path: String) -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    /// Bytes of the file system of `path`.
    static func capacity(_ path: String) -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        return Int64(clamping: UInt64(status.f_blocks) &* UInt64(status.f_frsize))
    }

    /// The names in a directory, sorted; none when it cannot be read.
    static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The bytes of a file; nil when it cannot be read.
    static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let size = Int(self.size(path))
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = Glibc.read(
                    descriptor, buffer.baseAddress?.advanced(by: count), size - count)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failed = true }
                guard got > 0 else { break }
                count += got
            }
        }
        return failed ? nil : bytes
    }

    /// Copies a file.
    static func copy(_ path: String, to other: String) throws(Errno) {
        guard let bytes = read(path) else { throw Errno(rawValue: errno) }
        let file = try OwnedDescriptor(
            opening: other, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o640)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(file.raw, $0.baseAddress?.advanced(by: done), bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Errno(rawValue: errno) }
            done += count
        }
        if fsync(file.raw) != 0 { throw Errno(rawValue: errno) }
    }

    /// Gives a file the owner of another, where this process may.
    static func copyOwner(of path: String, to other: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        _ = lchown(other, status.st_uid, status.st_gid)
    }

    /// Waits until a file or directory is on the disk.
    static func sync(_ path: String) throws(Errno) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw Errno(rawValue: errno) }
    }

    /// Renames a database and what belongs to it, so that nothing is lost and nobody uses it;
    /// gives its new path.
    static func setAside(_ path: String, as reason: String) throws(StoreError) -> String {
        let suffix = ".\(reason)-\(Clock.realtimeMilliseconds() / 1000)"
        for ending in ["", "-wal", "-shm"] {
            do { try Files.rename(path + ending, to: path + suffix + ending) } catch {
                if error != .noSuchFileOrDirectory {
                    throw .directory(path: path, reason: "cannot set it aside: \(error)")
                }
            }
        }
        return path + suffix
    }
}
