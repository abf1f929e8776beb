// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Directories, without ever following a link that a container could have made.
enum FileTree {
    /// The names in a directory; none when it cannot be read.
    static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        return names(directory)
    }

    /// Makes a directory and those above it.
    static func makeDirectories(_ path: String, mode: mode_t) throws(RuntimeError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, mode) != 0, errno != EEXIST { throw .system("cannot make \(made)") }
        }
    }

    /// Removes a directory with all in it; one that is not there is fine. Depth is bounded by the
    /// file system's own limits on a path that a container can make.
    static func remove(_ path: String) throws(RuntimeError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw .system("cannot remove \(path)") }
        let descriptor = ul_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .system("cannot remove \(path)") }
        try empty(descriptor, path)
        if rmdir(path) != 0, errno != ENOENT { throw .system("cannot remove \(path)") }
    }

    /// Removes what is in an open directory, and closes it.
    private static func empty(_ descriptor: Int32, _ path: String) throws(RuntimeError) {
        guard let directory = fdopendir(descriptor) else {
            let code = errno
            close(descriptor)
            throw .system("cannot read \(path)", code)
        }
        defer { closedir(directory) }
        for name in names(directory) {
            if unlinkat(descriptor, name, 0) == 0 || errno == ENOENT { continue }
            guard errno == EISDIR || errno == EPERM else { throw .system("cannot remove \(path)") }
            let child = ul_openat(
                descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
            guard child >= 0 else { throw .system("cannot remove \(path)") }
            try empty(child, path + "/" + name)
            if unlinkat(descriptor, name, AT_REMOVEDIR) != 0, errno != ENOENT {
                throw .system("cannot remove \(path)")
            }
        }
    }

    private static func names(_ directory: OpaquePointer) -> [String] {
        var result: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { result.append(name) }
        }
        return result
    }
}
