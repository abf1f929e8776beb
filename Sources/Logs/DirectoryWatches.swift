// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import SystemPackage

/// Watches the directories that log files are in, and tells which file a change is of.
///
/// Directories are watched and not files, because the file of a log is another one after each
/// rotation, and because a directory with many logs then needs one watch.
struct DirectoryWatches: ~Copyable {
    private struct Directory {
        var watch: Int32
        var mask: Int32
        var members: [String: String] = [:]
        var isListed = false
    }

    private let inotify: Inotify
    private var directories: [String: Directory] = [:]
    private var paths: [Int32: String] = [:]
    /// What tells that a directory has other entries.
    private static let entries = Int32(IN_CREATE | IN_MOVED_TO | IN_DELETE | Int32(IN_ONLYDIR))
    /// That, and what tells that a file in it was written.
    private static let writes = entries | Int32(IN_MODIFY)

    init() throws(Errno) { inotify = try Inotify() }

    /// Readable when something has changed.
    var descriptor: Int32 { inotify.descriptor.raw }

    /// Watches a log by its key; false when its directory cannot be watched now.
    mutating func add(_ key: String, path: String) -> Bool {
        let (directory, name) = Self.split(path)
        guard watch(directory, Self.writes) else { return false }
        directories[directory]?.members[name] = key
        return true
    }

    /// Ends what `add` began.
    mutating func remove(path: String) {
        let (directory, name) = Self.split(path)
        directories[directory]?.members[name] = nil
        unwatchIfUnused(directory)
    }

    /// Watches directories in which files may appear or go, instead of those before. `isNew` when
    /// one was not watched until now, so that what happened before is still to be looked for.
    mutating func list(_ wanted: Set<String>) -> (isNew: Bool, isComplete: Bool) {
        var (isNew, isComplete) = (false, true)
        for path in wanted {
            isNew = isNew || directories[path] == nil
            if watch(path, Self.entries) {
                directories[path]?.isListed = true
            } else {
                isComplete = false
            }
        }
        for (path, directory) in directories where directory.isListed && !wanted.contains(path) {
            directories[path]?.isListed = false
            unwatchIfUnused(path)
        }
        return (isNew && isComplete, isComplete)
    }

    /// What has changed since the last call.
    struct Changes {
        /// Keys of logs that were written, rotated or removed.
        var keys: Set<String> = []
        /// Whether a listed directory has other entries now.
        var isListChanged = false
        /// Whether events were lost, so that any log may have changed.
        var isLost = false
        /// Logs whose directory is gone, and with it the watch.
        var unwatched: [String] = []
    }

    /// Takes the events that are there.
    mutating func take() -> Changes {
        var changes = Changes()
        var gone: [Int32] = []
        inotify.drain { event in
            if event.overflowed {
                changes.isLost = true
                return
            }
            if event.mask & UInt32(IN_IGNORED) != 0 { gone.append(event.watch) }
            guard let path = paths[event.watch], let directory = directories[path] else { return }
            if directory.isListed, event.mask & UInt32(IN_MODIFY) == 0 {
                changes.isListChanged = true
            }
            if let key = Self.member(of: directory, named: event.name) { changes.keys.insert(key) }
        }
        for watch in gone {
            guard let path = paths.removeValue(forKey: watch),
                let directory = directories.removeValue(forKey: path)
            else { continue }
            changes.unwatched += directory.members.values
            changes.isListChanged = changes.isListChanged || directory.isListed
        }
        return changes
    }

    /// The log a name belongs to: its file, or one put aside as `NAME.1` or `NAME.2.gz`.
    private static func member(of directory: Directory, named bytes: UnsafeRawBufferPointer)
        -> String?
    {
        var name = Substring(String(decoding: bytes, as: UTF8.self))
        for _ in 0..<4 {
            if let key = directory.members[String(name)] { return key }
            guard let dot = name.lastIndex(of: ".") else { return nil }
            name = name[..<dot]
        }
        return nil
    }

    private mutating func watch(_ path: String, _ mask: Int32) -> Bool {
        let known = directories[path]
        if let known, known.mask & mask == mask { return true }
        guard let watch = try? inotify.watch(path, mask | (known?.mask ?? 0)) else { return false }
        if let known, known.watch == watch {
            directories[path]?.mask |= mask
            return true
        }
        // The same directory under another path has the same watch, which serves one path only.
        guard paths[watch] == nil, known == nil else { return false }
        directories[path] = Directory(watch: watch, mask: mask)
        paths[watch] = path
        return true
    }

    private mutating func unwatchIfUnused(_ path: String) {
        guard let directory = directories[path], directory.members.isEmpty, !directory.isListed
        else { return }
        inotify.unwatch(directory.watch)
        paths[directory.watch] = nil
        directories[path] = nil
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = path[..<slash]
        return (
            directory.isEmpty ? "/" : String(directory), String(path[path.index(after: slash)...])
        )
    }
}
