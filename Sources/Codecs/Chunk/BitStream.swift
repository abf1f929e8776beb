// SPDX-License-Identifier: Apache-2.0

/// Writes bits, most significant first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var count = 0

    /// Appends the lowest `width` bits of `value`; `width` is at most 64.
    mutating func write(_ value: UInt64, width: Int) {
        var width = width
        if width > 32 {
            write(value >> 32, width: width - 32)
            width = 32
        }
        let masked = value & ((1 << UInt64(width)) - 1)
        pending = pending << UInt64(width) | masked
        count += width
        while count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: pending >> UInt64(count)))
        }
    }

    /// Fills the last byte with zeros.
    mutating func finish() {
        if count > 0 { write(0, width: 8 - count) }
    }
}

/// Reads bits, most significant first; what is past the end reads as nil.
struct BitReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func read(width: Int) -> UInt64? {
        guard position + width <= bytes.count * 8 else { return nil }
        var value: UInt64 = 0
        var left = width
        while left > 0 {
            let offset = position & 7
            let take = min(8 - offset, left)
            let byte = UInt64(bytes[position >> 3])
            let part = byte >> UInt64(8 - offset - take) & ((1 << UInt64(take)) - 1)
            value = value << UInt64(take) | part
            position += take
            left -= take
        }
        return value
    }
}

/// Unsigned LEB128: seven bits a byte, lowest first.
public enum Varint {
    /// Appends `value`.
    public static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Reads a value at `position` and steps over it; nil when it is cut off or too long.
    public static func read(_ bytes: UnsafeRawBufferPointer, at position: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count, shift < 64 {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
