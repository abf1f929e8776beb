// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// How much a directory tree takes on disk, looked at without following links, without leaving the
/// file system, and within a budget.
public struct TreeSize: Hashable, Sendable {
    /// Bytes of the blocks that the files have.
    public var bytes: Int64 = 0
    /// Files and directories.
    public var inodes: Int64 = 0
    /// Whether everything was seen; without that the numbers are too small.
    public var isComplete = true

    private static let maxDepth = 128

    /// Walks the tree below `path`, at most `budget` entries; nil when it cannot be opened.
    public init?(path: String, budget: Int64) {
        let root = ul_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0)
        guard root >= 0 else { return nil }
        var status = stat()
        guard fstat(root, &status) == 0 else {
            close(root)
            return nil
        }
        var links: Set<UInt64> = []
        bytes = Int64(status.st_blocks) * 512
        inodes = 1
        walk(root, device: UInt64(status.st_dev), depth: 0, budget: budget, &links)
    }

    /// Takes over `directory`, which is closed.
    private mutating func walk(
        _ directory: Int32, device: UInt64, depth: Int, budget: Int64, _ links: inout Set<UInt64>
    ) {
        guard depth < Self.maxDepth, let stream = fdopendir(directory) else {
            close(directory)
            isComplete = false
            return
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            guard inodes < budget else {
                isComplete = false
                return
            }
            var name = entry.pointee.d_name
            let child: (Int32, Bool)? = withUnsafePointer(to: &name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { text in
                    look(at: text, in: directory, device: device, &links)
                }
            }
            guard let (descriptor, isDirectory) = child, isDirectory else { continue }
            guard descriptor >= 0 else {
                isComplete = false
                continue
            }
            walk(descriptor, device: device, depth: depth + 1, budget: budget, &links)
        }
    }

    /// Counts one entry. Gives a descriptor when it is a directory to go into.
    private mutating func look(
        at name: UnsafePointer<CChar>, in directory: Int32, device: UInt64,
        _ links: inout Set<UInt64>
    ) -> (Int32, Bool)? {
        let isDot = name[0] == 0x2e && (name[1] == 0 || name[1] == 0x2e && name[2] == 0)
        var status = stat()
        guard !isDot, fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
            UInt64(status.st_dev) == device
        else { return nil }
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        // A file with several names is counted once.
        if !isDirectory, status.st_nlink > 1,
            !links.insert(UInt64(status.st_ino)).inserted
        {
            return nil
        }
        inodes += 1
        bytes += Int64(status.st_blocks) * 512
        guard isDirectory else { return (-1, false) }
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
        return (ul_openat(directory, name, flags, 0), true)
    }
}
