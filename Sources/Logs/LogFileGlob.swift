// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model

/// Log files that a pattern names, such as `/var/log/nginx/*.log`.
public struct LogFileGlob: Hashable, Sendable {
    /// Whose logs the files are.
    public enum Naming: Hashable, Sendable {
        /// Each is its own, named by its path.
        case path
        /// Of containers in pods, as the kubelet lays them out:
        /// `<namespace>_<pod>_<uid>/<container>/<restart>.log`.
        case pod
    }

    /// An absolute path in which `*`, `?` and `[...]` stand for parts of one name.
    public var pattern: String
    /// How the lines are made.
    public var format: LogFormat
    /// Whose they are.
    public var naming: Naming

    /// The files of a pattern.
    public init(_ pattern: String, format: LogFormat = .plain, naming: Naming = .path) {
        self.pattern = pattern
        self.format = format
        self.naming = naming
    }

    /// Files of one pattern at most.
    private static let limit = 20_000

    /// What there is now: the files, and the directories in which others may appear. Links are not
    /// followed where the pattern has wildcards.
    func expand() -> (sources: [TailSource], directories: [String]) {
        let parts = pattern.split(separator: "/").map(String.init)
        var directories: [String] = []
        var paths = [""]
        for (i, part) in parts.enumerated() {
            let isLast = i == parts.count - 1
            guard part.utf8.contains(where: { [0x2a, 0x3f, 0x5b].contains($0) }) else {
                if isLast { directories += paths.map { $0.isEmpty ? "/" : $0 } }
                paths = paths.map { $0 + "/" + part }
                continue
            }
            var next: [String] = []
            for path in paths {
                let directory = path.isEmpty ? "/" : path
                directories.append(directory)
                for name in Self.names(in: directory, like: part)
                where next.count < Self.limit && Self.isKind(path + "/" + name, file: isLast) {
                    next.append(path + "/" + name)
                }
            }
            paths = next.sorted()
        }
        let sources = paths.filter { Self.isKind($0, file: true) }.compactMap(source)
        return (sources, directories.map(Self.existing))
    }

    /// A directory, or the nearest above it that there is: in it the others will appear.
    private static func existing(_ path: String) -> String {
        var path = path
        while path != "/", !isKind(path, file: false), let slash = path.lastIndex(of: "/") {
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        return path
    }

    private static func names(in directory: String, like pattern: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { field -> String? in
                    fnmatch(pattern, field, Int32(FNM_PERIOD)) == 0
                        ? String(validatingCString: field) : nil
                }
            }
            if let name { names.append(name) }
        }
        return names
    }

    private static func isKind(_ path: String, file: Bool) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT == (file ? S_IFREG : S_IFDIR)
    }

    private func source(_ path: String) -> TailSource? {
        switch naming {
        case .path:
            let identity = LogIdentity(
                id: path, name: path, createdAt: 0,
                labels: ["engine": "file", "filename": path])
            return TailSource(identity: identity, path: path, format: format)
        case .pod: return pod(path)
        }
    }

    private func pod(_ path: String) -> TailSource? {
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count >= 3 else { return nil }
        let names = parts[parts.count - 3].split(separator: "_").map(String.init)
        let container = parts[parts.count - 2]
        let restart = parts[parts.count - 1].dropLast(".log".count)
        guard names.count == 3, let number = Int64(restart), number >= 0 else { return nil }
        let directory = String(path.dropLast(parts[parts.count - 1].utf8.count + 1))
        let identity = LogIdentity(
            id: "\(names[2])-\(container)-\(number)",
            name: "\(names[0])/\(names[1])/\(container)",
            createdAt: Self.born(directory) + number,
            labels: [
                "engine": "containerd", "namespace": names[0], "pod": names[1],
                "container": container, "restart": String(number),
            ])
        return TailSource(identity: identity, path: path, format: format)
    }

    /// When a directory was made, which no change of what is in it changes; 0 when the file system
    /// does not know.
    private static func born(_ path: String) -> Milliseconds {
        var found = statx()
        guard statx(AT_FDCWD, path, 0, UInt32(STATX_BTIME), &found) == 0,
            found.stx_mask & UInt32(STATX_BTIME) != 0
        else { return 0 }
        return found.stx_btime.tv_sec * 1000 + Int64(found.stx_btime.tv_nsec) / 1_000_000
    }
}
