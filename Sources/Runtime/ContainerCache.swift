// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// The containers of a runtime, of which only the files that have changed are read again. Both files
/// are replaced whole, so that a changed one is another inode. Used by one thread.
final class ContainerCache {
    /// A container as it is now.
    struct Entry {
        var directory: ContainerDirectory
        var container: Container
        var state: ContainerDirectory.State?
    }

    /// Tells one content of a file from the next.
    private struct Version: Hashable {
        var inode: UInt64 = 0
        var size: Int64 = 0
        var seconds = 0
        var nanoseconds = 0

        /// That of nothing, if there is no such file.
        init(_ path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return }
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }
    }

    private struct Known {
        var config: Version
        var state: Version
        var parsed: (container: Container, state: ContainerDirectory.State?)
    }

    private let runtime: Runtime
    private var known: [String: Known] = [:]

    init(_ runtime: Runtime) { self.runtime = runtime }

    /// All there are.
    func list() -> [Entry] {
        let directories = runtime.directories()
        let present = Set(directories.map(\.id))
        known = known.filter { present.contains($0.key) }
        return directories.compactMap { directory in
            guard let parsed = parsed(directory) else { return nil }
            return Entry(
                directory: directory,
                container: ContainerDirectory.settled(parsed.container, parsed.state),
                state: parsed.state)
        }
    }

    private func parsed(
        _ directory: ContainerDirectory
    ) -> (container: Container, state: ContainerDirectory.State?)? {
        // Looked at before the files are read: what changes in between is read again next time.
        let (config, state) = (Version(directory.config), Version(directory.state))
        if let known = known[directory.id], known.config == config, known.state == state {
            return known.parsed
        }
        let parsed = directory.parse()
        known[directory.id] = parsed.map { Known(config: config, state: state, parsed: $0) }
        return parsed
    }
}
