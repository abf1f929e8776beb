// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model

/// What reading a whole log store found.
public struct LogVerification: Hashable, Sendable {
    /// A place that is damaged, and how.
    public struct Damage: Hashable, Sendable, CustomStringConvertible {
        /// The file.
        public var place: String
        /// How.
        public var reason: String

        /// Both, in a sentence.
        public var description: String { "\(place): \(reason)" }
    }

    /// Logs read.
    public var logs = 0
    /// Segments read, open ones included.
    public var segments = 0
    /// Blocks that are whole.
    public var blocks = 0
    /// Entries in them.
    public var entries = 0
    /// What is damaged.
    public var damage: [Damage] = []

    /// Nothing read.
    public init() {}

    /// Whether nothing is.
    public var isSound: Bool { damage.isEmpty }

    mutating func add(_ place: String, _ reason: String) {
        damage.append(Damage(place: place, reason: reason))
    }
}

/// Looks over a log store's files and mends them.
public enum LogMaintenance {
    /// Reads every byte of the store in a directory. Only reads, also beside a running agent: what
    /// is being written then is not taken for damage.
    public static func verify(directory: String) throws -> LogVerification {
        var report = LogVerification()
        let reader = try BlockReader()
        for name in LogFile.names(in: directory) {
            let path = directory + "/" + name
            let segments = SegmentName.segments(in: path)
            guard isDirectory(path) else { continue }
            report.logs += 1
            if IdentityFile.read(directory: path) == nil {
                report.add(path + "/" + SegmentName.identity, "says not whose log it is")
            }
            for (i, segment) in segments.enumerated() {
                report.segments += 1
                try verify(
                    path + "/" + segment, isLast: i == segments.count - 1, reader, &report)
            }
            try verifyHead(path + "/" + SegmentName.head, reader, &report)
        }
        return report
    }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func verify(
        _ path: String, isLast: Bool, _ reader: BlockReader, _ report: inout LogVerification
    ) throws {
        // Retention may have removed it since it was listed.
        guard let file = try? LogFile(path: path, flags: O_RDONLY) else { return }
        let index = try SegmentIndex.read(file)
        for range in index.damaged where !(isLast && range.upperBound == file.size) {
            report.add(path, "\(range.count) bytes at \(range.lowerBound) are no block")
        }
        if !index.isSealed, !isLast { report.add(path, "its index is missing or damaged") }
        if let table = index.filterTable {
            let size = FilterTable.size(index.blocks)
            if try file.bytes(at: table, count: size) != FilterTable.bytes(index.blocks, in: file) {
                report.add(path, "the table of its filters is damaged")
            }
        }
        for place in index.blocks {
            guard try isWhole(place, of: file, reader) else {
                report.add(
                    path,
                    "the block at \(place.offset) with \(place.header.count) entries is damaged")
                continue
            }
            report.blocks += 1
            report.entries += Int(place.header.count)
        }
    }

    /// Whether a block's checksums hold and it can be decompressed.
    static func isWhole(
        _ place: BlockPlace, of file: borrowing LogFile, _ reader: BlockReader
    ) throws -> Bool {
        let header = place.header
        let bytes = try file.bytes(at: place.offset + BlockHeader.size, count: header.bodyBytes)
        guard bytes.count == header.bodyBytes else { return false }
        return bytes.withUnsafeBytes { raw in
            let filter = UnsafeRawBufferPointer(rebasing: raw[..<Int(header.filterBytes)])
            let body = UnsafeRawBufferPointer(rebasing: raw[Int(header.filterBytes)...])
            return (filter.isEmpty || Bytes.checksum(filter) == header.filterChecksum)
                && reader.load(header, body: body)
        }
    }

    private static func verifyHead(
        _ path: String, _ reader: BlockReader, _ report: inout LogVerification
    ) throws {
        guard let file = try? LogFile(path: path, flags: O_RDONLY) else { return }
        let size = file.size
        let blocks = HeadBlocks.read(path: path, after: 0)
        for block in blocks {
            guard block.body.withUnsafeBytes({ reader.load(block.header, body: $0) }) else {
                report.add(path, "the block at \(block.offset) is damaged")
                return
            }
            report.blocks += 1
            report.entries += Int(block.header.count)
        }
        let end =
            blocks.last.map { $0.offset + BlockHeader.size + $0.header.bodyBytes } ?? 0
        if end < size, file.size == size {
            report.add(path, "\(size - end) bytes at its end are no block")
        }
    }
}
