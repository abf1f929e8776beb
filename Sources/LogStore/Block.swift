// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// Entries that are not a whole block yet, in the form they are compressed in.
///
/// `text` has each entry's bytes with a newline after them. `meta` has for each entry: the time
/// since the one before in nanoseconds (zigzag, LEB128), a byte of flags, and the length (LEB128).
struct OpenBlock {
    private(set) var text: [UInt8] = []
    private(set) var meta: [UInt8] = []
    private(set) var header = BlockHeader()
    private var lastTime: Int64 = 0

    var isEmpty: Bool { header.count == 0 }

    init(firstSequence: Int64) { header.firstSequence = firstSequence }

    mutating func append(_ batch: borrowing LogBatch) {
        batch.text.withUnsafeBytes { bytes in
            var at = 0
            for i in 0..<batch.items.count {
                let item = batch.items[i]
                append(item, UnsafeRawBufferPointer(rebasing: bytes[at..<(at + item.length)]))
                at += item.length
            }
        }
        header.checkpoint = batch.checkpoint
        header.checkpoint.time = header.maxTime
    }

    @inline(__always)
    private mutating func append(_ item: LogBatch.Item, _ bytes: UnsafeRawBufferPointer) {
        text.append(contentsOf: bytes)
        text.append(0x0a)
        Bytes.putVarint(Bytes.zigzag(item.timestamp &- lastTime), &meta)
        lastTime = item.timestamp
        meta.append(Flags.encode(item))
        Bytes.putVarint(UInt64(bytes.count), &meta)
        header.count += 1
        header.gaps += item.isGap ? 1 : 0
        header.streams |= 1 << item.stream.rawValue
        header.levels |= 1 << UInt16(item.level.rawValue)
        header.minTime = min(header.minTime, item.timestamp)
        header.maxTime = max(header.maxTime, item.timestamp)
    }

    /// Starts anew after what was taken; keeps the memory.
    mutating func restart() {
        let (next, checkpoint) = (header.endSequence, header.checkpoint)
        header = BlockHeader()
        header.firstSequence = next
        header.checkpoint = checkpoint
        lastTime = 0
        text.removeAll(keepingCapacity: true)
        meta.removeAll(keepingCapacity: true)
    }

    /// Header and body as they are stored; `filter` is nil for the head's small blocks.
    func encode(
        _ compressor: Compressor, level: Int32, filter: TokenFilter?
    ) throws(LogStoreError) -> (header: BlockHeader, bytes: [UInt8]) {
        var header = header
        var body: [UInt8] = []
        if let filter {
            filter.clear()
            text.withUnsafeBytes { filter.add($0) }
            body = filter.folded()
            header.filterBytes = UInt32(body.count)
            header.filterChecksum = body.withUnsafeBytes { Bytes.checksum($0) }
        }
        header.metaRaw = UInt32(meta.count)
        header.textRaw = UInt32(text.count)
        let filterEnd = body.count
        header.metaStored = UInt32(try compress(meta, compressor, level, &body))
        header.textStored = UInt32(try compress(text, compressor, level, &body))
        header.bodyChecksum = body.withUnsafeBytes {
            Bytes.checksum(.init(rebasing: $0[filterEnd...]))
        }
        return (header, header.encode() + body)
    }

    private func compress(
        _ bytes: [UInt8], _ compressor: Compressor, _ level: Int32, _ body: inout [UInt8]
    ) throws(LogStoreError) -> Int {
        var copy: [UInt8] = []
        swap(&copy, &body)
        defer { swap(&copy, &body) }
        let result: Result<Int, LogStoreError> = bytes.withUnsafeBytes { raw in
            do throws(LogStoreError) {
                return .success(try compressor.compress(raw, level: level, into: &copy))
            } catch { return .failure(error) }
        }
        return try result.get()
    }
}

/// An entry's flags in one byte: bit 0 stderr, 1 partial, 2 gap, 3 to 5 the level.
enum Flags {
    static func encode(_ item: LogBatch.Item) -> UInt8 {
        (item.stream == .stderr ? 1 : 0) | (item.isPartial ? 2 : 0) | (item.isGap ? 4 : 0)
            | item.level.rawValue << 3
    }

    static func stream(_ flags: UInt8) -> LogStream { flags & 1 != 0 ? .stderr : .stdout }
    static func isPartial(_ flags: UInt8) -> Bool { flags & 2 != 0 }
    static func isGap(_ flags: UInt8) -> Bool { flags & 4 != 0 }
    static func level(_ flags: UInt8) -> LogLevel { LogLevel(rawValue: flags >> 3) ?? .unknown }
}

/// A block's entries, decompressed. Reused from block to block.
final class BlockReader {
    private var meta: UnsafeMutableRawBufferPointer
    private var textBuffer: UnsafeMutableRawBufferPointer
    private let decompressor: Decompressor
    private(set) var header = BlockHeader()

    /// One entry's place.
    struct Place {
        var timestamp: Int64
        var flags: UInt8
        var start: Int
        var length: Int
    }

    private(set) var places: [Place] = []

    init() throws(LogStoreError) {
        decompressor = try Decompressor()
        meta = .allocate(byteCount: 0, alignment: 8)
        textBuffer = .allocate(byteCount: 0, alignment: 8)
    }

    deinit {
        meta.deallocate()
        textBuffer.deallocate()
    }

    /// All text of the block, each entry followed by a newline.
    var text: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: textBuffer[..<Int(header.textRaw)])
    }

    /// Takes a block: `body` is its meta and text as stored. False when it is damaged.
    func load(_ header: BlockHeader, body: UnsafeRawBufferPointer) -> Bool {
        load(header, body: body, text: true)
    }

    /// Takes where the entries of a block are, and not what they say.
    func loadPlaces(_ header: BlockHeader, body: UnsafeRawBufferPointer) -> Bool {
        load(header, body: body, text: false)
    }

    private func load(
        _ header: BlockHeader, body: UnsafeRawBufferPointer, text: Bool
    ) -> Bool {
        self.header = BlockHeader()
        places.removeAll(keepingCapacity: true)
        let (metaStored, textStored) = (Int(header.metaStored), Int(header.textStored))
        let (metaRaw, textRaw) = (Int(header.metaRaw), Int(header.textRaw))
        guard body.count == metaStored + textStored, metaRaw <= BlockHeader.maxRaw,
            textRaw <= BlockHeader.maxRaw, Bytes.checksum(body) == header.bodyChecksum
        else { return false }
        Self.reserve(&meta, metaRaw)
        if text { Self.reserve(&textBuffer, textRaw) }
        guard
            decompressor.decompress(
                .init(rebasing: body[..<metaStored]), into: .init(rebasing: meta[..<metaRaw])),
            !text
                || decompressor.decompress(
                    .init(rebasing: body[metaStored...]),
                    into: .init(rebasing: textBuffer[..<textRaw]))
        else { return false }
        self.header = header
        if !text { self.header.textRaw = 0 }
        return index(.init(rebasing: meta[..<metaRaw]), textRaw)
    }

    private func index(_ meta: UnsafeRawBufferPointer, _ textRaw: Int) -> Bool {
        var at = 0
        var start = 0
        var time: Int64 = 0
        guard Int(header.count) <= meta.count else { return false }
        places.reserveCapacity(Int(header.count))
        for _ in 0..<header.count {
            guard let delta = Bytes.varint(meta, &at), at < meta.count else { return false }
            let flags = meta[at]
            at += 1
            guard let length = Bytes.varint(meta, &at), length < UInt64(textRaw - start) else {
                return false
            }
            time = time &+ Bytes.unzigzag(delta)
            places.append(
                Place(timestamp: time, flags: flags, start: start, length: Int(length)))
            start += Int(length) + 1
        }
        return start == textRaw && at == meta.count
    }

    /// The entry at an index where it lies, valid until the next `load`.
    func view(_ index: Int, origin: Int) -> LogEntryView {
        let place = places[index]
        return LogEntryView(
            timestamp: place.timestamp, stream: Flags.stream(place.flags),
            level: Flags.level(place.flags), isPartial: Flags.isPartial(place.flags),
            isGap: Flags.isGap(place.flags), sequence: header.firstSequence + Int64(index),
            origin: origin, bytes: bytes(index))
    }

    /// The entry whose bytes, or whose newline, are at an offset of the text; at least `from`.
    func index(at offset: Int, from: Int) -> Int {
        var low = from
        var high = places.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if places[middle].start <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// An entry's bytes, valid until the next `load`.
    func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        let place = places[index]
        return UnsafeRawBufferPointer(
            rebasing: textBuffer[place.start..<(place.start + place.length)])
    }

    private static func reserve(_ buffer: inout UnsafeMutableRawBufferPointer, _ count: Int) {
        guard buffer.count < count else { return }
        buffer.deallocate()
        buffer = .allocate(byteCount: count, alignment: 8)
    }
}
