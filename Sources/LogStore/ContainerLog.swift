// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// The writing side of one container's log.
///
/// What is taken waits in memory for its block to be full. `flush` writes what is new of it to the
/// file `head`, as small blocks; a full block goes to the segment, and then the head is emptied.
/// Sequences tell which blocks of the head the segment has already, should the agent be killed
/// in between. Each block carries the checkpoint of the file it was read from: what was not written
/// is read again, and what was is not.
///
/// Written is not synced: a kill of the agent loses nothing that was written; after a power failure
/// the blocks that did not reach the disk fail their checksums, are cut off, and are read again
/// from the container's own file. Segments are synced when they are sealed.
final class ContainerLog {
    let directory: String
    private let options: LogStore.Options
    private var open: OpenBlock
    /// What of `open` the head does not have.
    private var unwritten: OpenBlock
    private var headSize = 0
    private var segment: (name: String, index: SegmentIndex)?
    private var identity: LogIdentity
    /// Bytes of the segments.
    private(set) var bytesOnDisk = 0
    private var recovered: LogCheckpoint

    /// Bytes in memory.
    var memory: Int { open.text.count + open.meta.count + unwritten.text.count }

    /// Opens or begins the log: cuts off what a crash left unfinished.
    init(
        _ identity: LogIdentity, parent: String, options: LogStore.Options
    ) throws(LogStoreError) {
        self.options = options
        self.identity = identity
        directory = parent + "/" + LogStore.directoryName(identity.id)
        guard mkdir(directory, 0o750) == 0 || errno == EEXIST else {
            throw .system("making", directory)
        }
        let stored = IdentityFile.read(directory: directory)
        if stored != identity { try IdentityFile.write(identity, directory: directory) }

        var next: Int64 = 0
        recovered = LogCheckpoint()
        let names = SegmentName.segments(in: directory)
        for name in names {
            bytesOnDisk += try LogFile(path: directory + "/" + name, flags: O_RDONLY).size
        }
        if let name = names.last {
            let file = try LogFile(path: directory + "/" + name, flags: O_RDWR)
            var index = try SegmentIndex.read(file)
            if !index.isSealed {
                try Self.cut(file, &index)
                segment = (name, index)
            }
            next = index.blocks.last?.header.endSequence ?? SegmentName.firstSequence(name) ?? 0
            recovered = index.blocks.last?.header.checkpoint ?? LogCheckpoint()
        }
        open = OpenBlock(firstSequence: next)
        unwritten = OpenBlock(firstSequence: next)
        try takeOverHead()
    }

    /// Removes the end of an open segment that is no whole block.
    private static func cut(
        _ file: borrowing LogFile, _ index: inout SegmentIndex
    ) throws(LogStoreError) {
        while let last = index.blocks.last {
            let body = try file.bytes(
                at: last.offset + BlockHeader.size + Int(last.header.filterBytes),
                count: Int(last.header.metaStored) + Int(last.header.textStored))
            if body.withUnsafeBytes({ Bytes.checksum($0) }) == last.header.bodyChecksum { break }
            index.blocks.removeLast()
        }
        if file.size > index.end { try file.truncate(to: index.end) }
        for block in index.blocks { try mendFilter(file, block) }
    }

    /// Makes a filter that is not as it was written, after a power failure, allow everything: once its
    /// segment is sealed, searches do not check it.
    private static func mendFilter(
        _ file: borrowing LogFile, _ block: BlockPlace
    ) throws(LogStoreError) {
        let start = block.offset + BlockHeader.size
        let count = Int(block.header.filterBytes)
        let filter = try file.bytes(at: start, count: count)
        guard filter.withUnsafeBytes({ Bytes.checksum($0) }) != block.header.filterChecksum else {
            return
        }
        try file.write([UInt8](repeating: 0xff, count: count), at: start)
    }

    /// Takes the head's entries into memory, as far as they are whole, and writes them anew.
    private func takeOverHead() throws(LogStoreError) {
        let path = directory + "/" + SegmentName.head
        let head = HeadBlocks.read(path: path, after: open.header.firstSequence)
        let reader = try BlockReader()
        for block in head {
            guard block.header.firstSequence == open.header.endSequence,
                block.body.withUnsafeBytes({ reader.load(block.header, body: $0) })
            else { break }
            var batch = LogBatch()
            for i in 0..<reader.places.count {
                let place = reader.places[i]
                batch.append(
                    reader.bytes(i), timestamp: place.timestamp,
                    stream: Flags.stream(place.flags), level: Flags.level(place.flags),
                    isPartial: Flags.isPartial(place.flags), isGap: Flags.isGap(place.flags))
            }
            batch.checkpoint = block.header.checkpoint
            open.append(batch)
            headSize += BlockHeader.size + block.header.bodyBytes
            recovered = block.header.checkpoint
        }
        unwritten = OpenBlock(firstSequence: open.header.endSequence)
        guard let first = head.first, first.offset > 0 else {
            let file = try LogFile(path: path, flags: O_RDWR | O_CREAT)
            if file.size > headSize { try file.truncate(to: headSize) }
            return
        }
        // Blocks that the segment has stand before the others. A copy without them takes the
        // head's place, so that there is no moment at which the others are in memory only.
        let bytes = head.prefix { $0.header.endSequence <= open.header.endSequence }
            .flatMap { $0.header.encode() + $0.body }
        do {
            let file = try LogFile(path: path + ".new", flags: O_WRONLY | O_CREAT | O_TRUNC)
            try file.write(bytes, at: 0)
        }
        guard rename(path + ".new", path) == 0 else { throw .system("naming", path) }
        headSize = bytes.count
    }

    /// Where reading the container's file goes on.
    var checkpoint: LogCheckpoint {
        open.header.checkpoint.isEmpty ? recovered : open.header.checkpoint
    }

    /// Takes a batch; writes a block when it is full.
    func append(
        _ batch: borrowing LogBatch, _ identity: LogIdentity, _ tools: LogStore.Tools
    ) throws(LogStoreError) {
        if identity != self.identity {
            try IdentityFile.write(identity, directory: directory)
            self.identity = identity
        }
        // The block is written before the batch is taken: when that fails nothing of it is.
        if isFull || open.text.count + batch.text.count > BlockHeader.maxRaw / 2
            || open.meta.count + batch.items.count * 21 > BlockHeader.maxMeta
        {
            try writeBlock(tools)
        }
        open.append(batch)
        unwritten.append(batch)
    }

    private var isFull: Bool {
        open.text.count >= options.blockBytes || open.meta.count > 1 << 20
    }

    /// Writes what the head does not have.
    func flush(_ tools: LogStore.Tools) throws(LogStoreError) {
        guard !unwritten.isEmpty else { return }
        if isFull { return try writeBlock(tools) }
        let made = try unwritten.encode(tools.compressor, level: 1, filter: nil)
        let file = try LogFile(
            path: directory + "/" + SegmentName.head, flags: O_WRONLY | O_CREAT)
        try file.write(made.bytes, at: headSize)
        headSize += made.bytes.count
        unwritten.restart()
        // Many small blocks are slow to read and take space: make one of them.
        if headSize > options.blockBytes / 2 { try writeBlock(tools) }
    }

    /// Makes a block of what waits, and empties the head.
    func writeBlock(_ tools: LogStore.Tools) throws(LogStoreError) {
        guard !open.isEmpty else { return }
        let made = try open.encode(
            tools.compressor, level: options.compressionLevel, filter: tools.filter)
        let name = segment?.name ?? SegmentName.name(made.header.firstSequence)
        var index = segment?.index ?? SegmentIndex()
        let file = try LogFile(path: directory + "/" + name, flags: O_RDWR | O_CREAT)
        try file.write(made.bytes, at: index.end)
        bytesOnDisk += made.bytes.count
        index.blocks.append(BlockPlace(offset: index.end, header: made.header))
        segment = (name, index)
        open.restart()
        unwritten = OpenBlock(firstSequence: open.header.firstSequence)
        if headSize > 0 {
            let head = try LogFile(path: directory + "/" + SegmentName.head, flags: O_WRONLY)
            try head.truncate(to: 0)
            headSize = 0
        }
        let first = index.blocks[0].header.minTime
        if index.end >= options.segmentBytes
            || made.header.maxTime - first > options.segmentSpan
        {
            let tail = index.seal(file)
            try file.write(tail, at: index.end)
            try file.sync()
            bytesOnDisk += tail.count
            segment = nil
        }
    }

    /// What holds the newest lines: the head and the open segment.
    var files: [String] {
        [directory + "/" + SegmentName.head] + (segment.map { [directory + "/" + $0.name] } ?? [])
    }

    /// Whether the segment is one that must not be removed.
    func isOpen(_ name: String) -> Bool { segment?.name == name }

    /// Tells that a segment was removed.
    func removed(bytes: Int) { bytesOnDisk -= bytes }
}

/// The small blocks of a head.
enum HeadBlocks {
    struct Block {
        var offset: Int
        var header: BlockHeader
        var body: [UInt8]
    }

    /// No head is larger.
    private static let limit = 64 << 20

    /// The whole blocks of a head from the sequence on, up to the first damaged one.
    static func read(path: String, after sequence: Int64) -> [Block] {
        guard let bytes = LogFile.contents(path, limit: limit) else { return [] }
        var blocks: [Block] = []
        var at = 0
        while at + BlockHeader.size <= bytes.count {
            let header = bytes[at...].withUnsafeBytes { BlockHeader($0) }
            guard let header, at + BlockHeader.size + header.bodyBytes <= bytes.count else { break }
            let start = at + BlockHeader.size
            let body = Array(bytes[start..<(start + header.bodyBytes)])
            guard body.withUnsafeBytes({ Bytes.checksum($0) }) == header.bodyChecksum else { break }
            if header.firstSequence >= sequence {
                blocks.append(Block(offset: at, header: header, body: body))
            }
            at = start + header.bodyBytes
        }
        return blocks
    }
}
