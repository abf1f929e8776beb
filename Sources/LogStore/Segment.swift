// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// Where a block is, and what its header says.
struct BlockPlace: Hashable, Sendable {
    var offset: Int
    var header: BlockHeader

    var end: Int { offset + BlockHeader.size + header.bodyBytes }
}

/// What a segment holds: its blocks, and how many bytes between them are damaged.
///
/// A segment is a run of blocks. When it is sealed, the table of their filters follows
/// (`FilterTable`) and then the index: for each block its offset (u64) and its header, then the
/// trailer: where the index begins (u64), how many blocks (u32), CRC-32C of all that (u32), magic
/// "ULGF" (u32), 1 when there is a table and 0 without (u32). A sealed segment is never written to
/// again. A segment without an index is the one being written, or its index is damaged: its blocks
/// are then found from header to header, and after a damaged one by looking for the next.
struct SegmentIndex: Sendable {
    var blocks: [BlockPlace] = []
    var isSealed = false
    /// Where the table of the filters begins; nil without one.
    var filterTable: Int?
    /// Stretches of bytes that are no block.
    var damaged: [Range<Int>] = []

    static let trailerSize = 24
    static let magic: UInt32 = 0x4647_4c55
    private static let entrySize = 8 + BlockHeader.size

    /// The end of the last good block.
    var end: Int { blocks.last?.end ?? 0 }

    /// Reads the index, or makes one.
    static func read(_ file: borrowing LogFile) throws(LogStoreError) -> SegmentIndex {
        let size = file.size
        if let sealed = try sealed(file, size) { return sealed }
        return try scan(file, size)
    }

    private static func sealed(
        _ file: borrowing LogFile, _ size: Int
    ) throws(LogStoreError) -> SegmentIndex? {
        guard size >= trailerSize else { return nil }
        let trailer = try file.bytes(at: size - trailerSize, count: trailerSize)
        let (start, count, sum, mark): (UInt64, UInt32, UInt32, UInt32) = trailer.withUnsafeBytes {
            (Bytes.load(0, $0), Bytes.load(8, $0), Bytes.load(12, $0), Bytes.load(16, $0))
        }
        let length = Int(count) * entrySize
        guard mark == magic, start < UInt64(size), Int(start) + length + trailerSize == size else {
            return nil
        }
        let table = try file.bytes(at: Int(start), count: length)
        guard (table + trailer[..<12]).withUnsafeBytes({ Bytes.checksum($0) }) == sum else {
            return nil
        }
        var index = SegmentIndex(isSealed: true)
        index.blocks.reserveCapacity(Int(count))
        for i in 0..<Int(count) {
            let place: BlockPlace? = table.withUnsafeBytes { bytes in
                let offset: UInt64 = Bytes.load(i * entrySize, bytes)
                let rest = UnsafeRawBufferPointer(
                    rebasing: bytes[(i * entrySize + 8)..<((i + 1) * entrySize)])
                guard offset < UInt64(size) else { return nil }
                return BlockHeader(rest).map { BlockPlace(offset: Int(offset), header: $0) }
            }
            guard let place else { return nil }
            index.blocks.append(place)
        }
        let hasTable: UInt32 = trailer.withUnsafeBytes { Bytes.load(20, $0) }
        let end = index.end
        if hasTable == 1, Int(start) - end == FilterTable.size(index.blocks) {
            index.filterTable = end
        }
        return index
    }

    private static func scan(
        _ file: borrowing LogFile, _ size: Int
    ) throws(LogStoreError) -> SegmentIndex {
        var index = SegmentIndex()
        var at = 0
        var expected: Int64 = 0
        while at + BlockHeader.size <= size {
            let bytes = try file.bytes(at: at, count: BlockHeader.size)
            if let header = bytes.withUnsafeBytes({ BlockHeader($0) }),
                header.firstSequence >= expected
            {
                let place = BlockPlace(offset: at, header: header)
                guard place.end <= size else { break }
                index.blocks.append(place)
                expected = header.endSequence
                at = place.end
            } else if let next = try nextHeader(file, from: at + 1, to: size) {
                index.damaged.append(at..<next)
                at = next
            } else {
                break
            }
        }
        if at < size { index.damaged.append(at..<size) }
        return index
    }

    /// Where the next header after damage stands.
    private static func nextHeader(
        _ file: borrowing LogFile, from start: Int, to size: Int
    ) throws(LogStoreError) -> Int? {
        let step = 1 << 18
        var at = start
        while at + BlockHeader.size <= size {
            let bytes = try file.bytes(
                at: at, count: min(step + BlockHeader.size, size - at))
            let found: Int? = bytes.withUnsafeBytes { b in
                guard b.count >= BlockHeader.size else { return nil }
                for i in 0...(b.count - BlockHeader.size)
                where b[i] == 0x55 && b[i + 1] == 0x4c && b[i + 2] == 0x47 {
                    if BlockHeader(.init(rebasing: b[i...])) != nil { return i }
                }
                return nil
            }
            if let found { return at + found }
            at += step + 1
        }
        return nil
    }

    /// What is appended to a segment to seal it; `file` is the segment.
    func seal(_ file: borrowing LogFile) -> [UInt8] {
        // Without the table, the filters are read block by block.
        let table = (try? FilterTable.bytes(blocks, in: file)) ?? []
        var bytes: [UInt8] = []
        for block in blocks {
            var offset = [UInt8](repeating: 0, count: 8)
            Bytes.store(UInt64(block.offset), 0, &offset)
            bytes += offset + block.header.encode()
        }
        var trailer = [UInt8](repeating: 0, count: Self.trailerSize)
        Bytes.store(UInt64(end + table.count), 0, &trailer)
        Bytes.store(UInt32(blocks.count), 8, &trailer)
        let sum = (bytes + trailer[..<12]).withUnsafeBytes { Bytes.checksum($0) }
        Bytes.store(sum, 12, &trailer)
        Bytes.store(Self.magic, 16, &trailer)
        Bytes.store(UInt32(table.isEmpty ? 0 : 1), 20, &trailer)
        return table + bytes + trailer
    }
}

/// A segment whose blocks are being read.
final class OpenSegment: Sendable {
    let number: Int
    let file: LogFile
    /// Whether it was synced whole, and what it holds is not looked after again.
    let isSealed: Bool
    /// Where the table of its filters begins; nil without one.
    let filterTable: Int?

    init(_ number: Int, _ path: String, _ index: SegmentIndex) throws(LogStoreError) {
        self.number = number
        file = try LogFile(path: path, flags: O_RDONLY)
        isSealed = index.isSealed
        filterTable = index.filterTable
    }
}

/// Names of the files in a container's directory.
enum SegmentName {
    static let head = "head"
    static let identity = "identity"
    private static let suffix = ".seg"

    /// The name of the segment whose first entry has this sequence: names sort as the entries do.
    static func name(_ firstSequence: Int64) -> String {
        let digits = String(firstSequence, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + suffix
    }

    /// The first sequence of a segment with this name.
    static func firstSequence(_ name: String) -> Int64? {
        guard name.hasSuffix(suffix), name.utf8.count == 16 + suffix.utf8.count else { return nil }
        return Int64(name.dropLast(suffix.count), radix: 16)
    }

    /// The segments in a directory, oldest first.
    static func segments(in directory: String) -> [String] {
        LogFile.names(in: directory).filter { firstSequence($0) != nil }
    }
}
