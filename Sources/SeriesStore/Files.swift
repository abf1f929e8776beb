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
