// SPDX-License-Identifier: Apache-2.0

/// The token filters of a sealed segment once more, folded in half and turned round: what a search
/// asks of all blocks lies together, so that a few reads rule out most blocks of a segment. Those
/// that are left are asked by their whole filters. (Half of a filter lets through up to one block in
/// eight in vain, and as a rule one in thirty.)
///
/// The table stands between the last block and the index. Filters of one size make a part, smaller
/// sizes first; a part has a row for each byte of such a filter when folded, and a row has that byte
/// of each filter, in the order of the blocks. A block without a filter is in no part.
struct FilterTable {
    /// Filters of one size.
    private struct Part {
        var size: Int
        /// Where its first row begins.
        var offset: Int
        /// The blocks with filters of this size.
        var blocks: [Int]

        /// How many rows it has.
        var rows: Int { FilterTable.folded(size) }
    }

    private let parts: [Part]

    /// The table of these blocks, which begins at `offset` of the file.
    init(_ blocks: [BlockPlace], at offset: Int) {
        var parts: [Part] = []
        var next = offset
        for size in Set(blocks.map { Int($0.header.filterBytes) }).sorted() where size > 0 {
            let same = blocks.indices.filter { blocks[$0].header.filterBytes == UInt32(size) }
            parts.append(Part(size: size, offset: next, blocks: same))
            next += Self.folded(size) * same.count
        }
        self.parts = parts
    }

    /// Bytes of the table of these blocks.
    static func size(_ blocks: [BlockPlace]) -> Int {
        blocks.reduce(0) { $0 + folded(Int($1.header.filterBytes)) }
    }

    /// The size of a filter of `size` bytes in the table.
    private static func folded(_ size: Int) -> Int {
        size >= 2 * TokenFilter.minBytes ? size / 2 : size
    }

    /// The table's bytes, out of the filters in the file's blocks.
    static func bytes(
        _ blocks: [BlockPlace], in file: borrowing LogFile
    ) throws(LogStoreError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(size(blocks))
        for part in FilterTable(blocks, at: 0).parts {
            var filters: [UInt8] = []
            filters.reserveCapacity(part.size * part.blocks.count)
            for i in part.blocks {
                let start = blocks[i].offset + BlockHeader.size
                var filter = try file.bytes(at: start, count: part.size)
                // What cannot be read whole allows everything.
                filter += repeatElement(0xff, count: part.size - filter.count)
                filters += filter
            }
            let last = part.size - part.rows
            filters.withUnsafeBytes { filters in
                for byte in 0..<part.rows {
                    for at in stride(from: byte, to: filters.count, by: part.size) {
                        result.append(filters[at] | filters[at + last])
                    }
                }
            }
        }
        return result
    }

    /// For each block whether its filter allows a match. Where the table cannot be read everything is
    /// allowed.
    func mayMatch(
        _ blocks: [BlockPlace], in file: borrowing LogFile, _ matcher: LineMatcher
    ) -> [Bool] {
        var result = [Bool](repeating: true, count: blocks.count)
        for part in parts {
            var rows = Rows(part)
            for (column, i) in part.blocks.enumerated() {
                result[i] = matcher.mayMatch(size: part.rows) {
                    rows.byte($0, column, in: file)
                }
            }
        }
        return result
    }

    /// The rows of a part that were asked for: seven for each word at most.
    private struct Rows {
        private let part: Part
        private var numbers: [Int] = []
        private var rows: [[UInt8]] = []

        init(_ part: Part) { self.part = part }

        mutating func byte(_ row: Int, _ column: Int, in file: borrowing LogFile) -> UInt8 {
            if let known = numbers.firstIndex(of: row) { return rows[known][column] }
            let count = part.blocks.count
            var bytes = (try? file.bytes(at: part.offset + row * count, count: count)) ?? []
            bytes += repeatElement(0xff, count: count - bytes.count)
            numbers.append(row)
            rows.append(bytes)
            return bytes[column]
        }
    }
}
