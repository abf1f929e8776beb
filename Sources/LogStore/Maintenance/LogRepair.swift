// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// What mending a log store did.
public struct LogRepair: Hashable, Sendable {
    /// What was damaged.
    public var damage: [LogVerification.Damage] = []
    /// Damaged files, as they are kept.
    public var kept: [String] = []
    /// Entries of damaged blocks, which readers are told of by gaps.
    public var lostEntries = 0

    /// Whether something was damaged.
    public var isNeeded: Bool { !damage.isEmpty }
}

extension LogMaintenance {
    /// Writes damaged files anew with what is whole of them; the old ones are kept beside them with
    /// `.damaged` behind their names. No agent may write to the store meanwhile.
    public static func repair(directory: String) throws -> LogRepair {
        let found = try verify(directory: directory)
        var report = LogRepair(damage: found.damage)
        let reader = try BlockReader()
        for path in Set(found.damage.map(\.place)).sorted() {
            if path.hasSuffix("/" + SegmentName.identity) {
                try nameAnew(path, &report)
            } else if path.hasSuffix("/" + SegmentName.head) {
                try rewriteHead(path, &report)
            } else {
                try rewrite(path, reader, &report)
            }
        }
        return report
    }

    private static func setAside(_ path: String, _ report: inout LogRepair) throws {
        guard rename(path, path + ".damaged") == 0 else {
            throw LogStoreError.system("setting aside", path)
        }
        report.kept.append(path + ".damaged")
    }

    private static func rewrite(
        _ path: String, _ reader: BlockReader, _ report: inout LogRepair
    ) throws {
        var index = SegmentIndex()
        let new = path + ".new"
        do {
            let file = try LogFile(path: path, flags: O_RDONLY)
            let copy = try LogFile(path: new, flags: O_RDWR | O_CREAT | O_TRUNC)
            var at = 0
            for place in try SegmentIndex.read(file).blocks {
                guard try isWhole(place, of: file, reader) else {
                    report.lostEntries += Int(place.header.count)
                    continue
                }
                let bytes = try file.bytes(at: place.offset, count: place.end - place.offset)
                try copy.write(bytes, at: at)
                index.blocks.append(BlockPlace(offset: at, header: place.header))
                at += bytes.count
            }
            if !index.blocks.isEmpty { try copy.write(index.seal(copy), at: at) }
            try copy.sync()
        }
        try setAside(path, &report)
        guard !index.blocks.isEmpty else {
            unlink(new)
            return
        }
        guard rename(new, path) == 0 else { throw LogStoreError.system("naming", path) }
    }

    private static func rewriteHead(_ path: String, _ report: inout LogRepair) throws {
        let blocks = HeadBlocks.read(path: path, after: 0)
        do {
            let copy = try LogFile(path: path + ".new", flags: O_WRONLY | O_CREAT | O_TRUNC)
            try copy.write(blocks.flatMap { $0.header.encode() + $0.body }, at: 0)
            try copy.sync()
        }
        try setAside(path, &report)
        guard rename(path + ".new", path) == 0 else { throw LogStoreError.system("naming", path) }
    }

    /// A log that does not say whose it is gets the name of its directory, so that it can be read.
    private static func nameAnew(_ path: String, _ report: inout LogRepair) throws {
        let directory = String(path.dropLast(SegmentName.identity.utf8.count + 1))
        if access(path, F_OK) == 0 { try setAside(path, &report) }
        let id = directory.split(separator: "/").last.map(String.init) ?? ""
        try IdentityFile.write(
            LogIdentity(id: id, name: id, createdAt: 0), directory: directory)
    }
}
