// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Model
import Synchronization

extension LogStore {
    /// A sealed segment, which may be removed.
    private struct Candidate {
        var directory: String
        var name: String
        var bytes: Int
        var newest: Int64
    }

    /// Removes what is older than wanted, and the oldest of what is too much: whole sealed
    /// segments, by unlink. What is being written stays.
    ///
    /// Each segment's index is read once in the life of the store, and not while writers wait.
    public func applyRetention(now: Milliseconds) {
        var total = 0
        var kept: [Candidate] = []
        let oldest = (now - options.retention) * 1_000_000
        for id in LogFile.names(in: path) {
            let directory = path + "/" + id
            var own = candidates(directory, &total)
            var size = own.reduce(0) { $0 + $1.bytes }
            own.removeAll { candidate in
                guard candidate.newest < oldest || size > options.maxBytesPerLog else {
                    return false
                }
                guard remove(candidate) else { return false }
                size -= candidate.bytes
                total -= candidate.bytes
                return true
            }
            kept += own
            removeIfEmpty(directory)
        }
        for candidate in kept.sorted(by: { $0.newest < $1.newest }) where total > options.maxBytes {
            if remove(candidate) { total -= candidate.bytes }
        }
        withOpenLog(in: "") { [total] in $1.bytesOnDisk = UInt64(max(0, total)) }
    }

    /// The sealed segments of a directory, oldest first; adds the bytes of all to `total`.
    private func candidates(_ directory: String, _ total: inout Int) -> [Candidate] {
        var result: [Candidate] = []
        for name in SegmentName.segments(in: directory) {
            let path = directory + "/" + name
            guard let file = try? LogFile(path: path, flags: O_RDONLY) else { continue }
            total += file.size
            if withOpenLog(in: directory, { log, _ in log?.isOpen(name) ?? false }) { continue }
            let known = newest.withLock { $0[path] }
            let index = known == nil ? try? SegmentIndex.read(file) : nil
            let time = known ?? index?.blocks.map(\.header.maxTime).max() ?? .min
            if index?.isSealed ?? false { newest.withLock { $0[path] = time } }
            result.append(
                Candidate(directory: directory, name: name, bytes: file.size, newest: time))
        }
        return result
    }

    private func remove(_ candidate: Candidate) -> Bool {
        let path = candidate.directory + "/" + candidate.name
        return withOpenLog(in: candidate.directory) { log, statistics in
            guard !(log?.isOpen(candidate.name) ?? false), unlink(path) == 0 else { return false }
            newest.withLock { $0[path] = nil }
            statistics.removedSegments += 1
            log?.removed(bytes: candidate.bytes)
            return true
        }
    }

    /// Removes the directory of a container that is gone when nothing of its log is left.
    private func removeIfEmpty(_ directory: String) {
        withOpenLog(in: directory) { log, _ in
            guard log == nil, SegmentName.segments(in: directory).isEmpty,
                HeadBlocks.read(path: directory + "/" + SegmentName.head, after: 0).isEmpty
            else { return }
            unlink(directory + "/" + SegmentName.head)
            unlink(directory + "/" + SegmentName.identity)
            rmdir(directory)
        }
    }
}
