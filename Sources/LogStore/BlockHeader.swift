// SPDX-License-Identifier: Apache-2.0

import Model

/// What stands before each block, and once more in the index at a sealed segment's end. 128 bytes,
/// little-endian:
///
///     0 magic "ULGB"   4 CRC-32C of bytes 8 to 127    8 version 1, streams, levels (u16)
///     12 meta, stored           16 meta, raw          20 text, stored      24 text, raw
///     28 filter bytes           32 entries            36 CRC-32C of meta and text as stored
///     40 first sequence (i64)   48 first time (i64)   56 last time (i64)
///     64 device  72 inode  80 head hash  88 head length (u32)  92 CRC-32C of the filter
///     96 stdout offset  104 stderr offset  112 gap entries (u32)  116 to 127 zero
///
/// After it come the token filter, the entries' meta and the entries' text, both compressed.
struct BlockHeader: Hashable, Sendable {
    static let size = 128
    static let magic: UInt32 = 0x4247_4c55

    /// Bits `1 << LogStream.rawValue`.
    var streams: UInt8 = 0
    /// Bits `1 << LogLevel.rawValue`.
    var levels: UInt16 = 0
    var metaStored: UInt32 = 0
    var metaRaw: UInt32 = 0
    var textStored: UInt32 = 0
    var textRaw: UInt32 = 0
    var filterBytes: UInt32 = 0
    var count: UInt32 = 0
    var bodyChecksum: UInt32 = 0
    var filterChecksum: UInt32 = 0
    var firstSequence: Int64 = 0
    var minTime = Int64.max
    var maxTime = Int64.min
    var checkpoint = LogCheckpoint()
    var gaps: UInt32 = 0

    /// No block is larger than this when decompressed: what claims more is damaged, or a bomb.
    static let maxRaw = 32 << 20
    /// The same for the meta, of which each entry needs three bytes at least.
    static let maxMeta = 4 << 20

    /// Bytes that follow the header.
    var bodyBytes: Int { Int(filterBytes) + Int(metaStored) + Int(textStored) }

    /// The sequence after the last entry.
    var endSequence: Int64 { firstSequence + Int64(count) }

    func encode() -> [UInt8] {
        var b = [UInt8](repeating: 0, count: Self.size)
        Bytes.store(Self.magic, 0, &b)
        b[8] = 1
        b[9] = streams
        Bytes.store(levels, 10, &b)
        for (at, value) in [
            (12, metaStored), (16, metaRaw), (20, textStored), (24, textRaw), (28, filterBytes),
            (32, count), (36, bodyChecksum), (88, checkpoint.headLength), (92, filterChecksum),
            (112, gaps),
        ] { Bytes.store(value, at, &b) }
        for (at, value) in [(40, firstSequence), (48, minTime), (56, maxTime)] {
            Bytes.store(value, at, &b)
        }
        for (at, value) in [
            (64, checkpoint.device), (72, checkpoint.inode), (80, checkpoint.headHash),
            (96, checkpoint.stdoutOffset), (104, checkpoint.stderrOffset),
        ] { Bytes.store(value, at, &b) }
        let sum = b.withUnsafeBytes { Bytes.checksum(.init(rebasing: $0[8...])) }
        Bytes.store(sum, 4, &b)
        return b
    }

    /// Reads a header; nil when it is none, or damaged.
    init?(_ b: UnsafeRawBufferPointer) {
        guard b.count >= Self.size, Bytes.load(0, b) == Self.magic, b[8] == 1,
            Bytes.load(4, b) == Bytes.checksum(.init(rebasing: b[8..<Self.size]))
        else { return nil }
        streams = b[9]
        levels = Bytes.load(10, b)
        metaStored = Bytes.load(12, b)
        metaRaw = Bytes.load(16, b)
        textStored = Bytes.load(20, b)
        textRaw = Bytes.load(24, b)
        filterBytes = Bytes.load(28, b)
        count = Bytes.load(32, b)
        bodyChecksum = Bytes.load(36, b)
        firstSequence = Bytes.load(40, b)
        minTime = Bytes.load(48, b)
        maxTime = Bytes.load(56, b)
        checkpoint.device = Bytes.load(64, b)
        checkpoint.inode = Bytes.load(72, b)
        checkpoint.headHash = Bytes.load(80, b)
        checkpoint.headLength = Bytes.load(88, b)
        filterChecksum = Bytes.load(92, b)
        checkpoint.stdoutOffset = Bytes.load(96, b)
        checkpoint.stderrOffset = Bytes.load(104, b)
        checkpoint.time = maxTime
        gaps = Bytes.load(112, b)
        guard metaRaw <= Self.maxMeta, count <= metaRaw / 3, textRaw <= Self.maxRaw,
            metaStored <= Self.maxRaw,
            textStored <= Self.maxRaw, filterBytes <= TokenFilter.maxBytes,
            firstSequence >= 0, firstSequence < Int64.max >> 1
        else { return nil }
    }

    /// The header of nothing yet.
    init() {}
}
