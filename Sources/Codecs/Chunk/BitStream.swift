// SPDX-License-Identifier: Apache-2.0

/// Writes bits, most significant first, to memory the caller has made large enough.
struct BitWriter {
    private let start: UnsafeMutablePointer<UInt8>
    private var next: UnsafeMutablePointer<UInt8>
    private var pending: UInt64 = 0
    private var count = 0

    init(_ start: UnsafeMutablePointer<UInt8>) {
        self.start = start
        next = start
    }

    /// Appends the lowest `width` bits of `value`; `width` is at most 32, the bits above are zero.
    @inline(__always)
    mutating func put(_ value: UInt64, _ width: Int) {
        pending = pending &<< UInt64(width) | value
        count &+= width
        if count >= 32 {
            count &-= 32
            let word = UInt32(truncatingIfNeeded: pending &>> UInt64(count))
            UnsafeMutableRawPointer(next).storeBytes(of: word.bigEndian, as: UInt32.self)
            next += 4
        }
    }

    /// Appends the lowest `width` bits of `value`, of up to 64.
    @inline(__always)
    mutating func putWide(_ value: UInt64, _ width: Int) {
        if width > 32 {
            put(value &>> 32 & (1 &<< UInt64(width &- 32) &- 1), width &- 32)
            put(value & 0xffff_ffff, 32)
        } else if width > 0 {
            put(value & (1 &<< UInt64(width) &- 1), width)
        }
    }

    /// Fills the last byte with zeros; gives the number of bytes written.
    mutating func finish() -> Int {
        while count > 0 {
            let byte = count >= 8 ? pending &>> UInt64(count &- 8) : pending &<< UInt64(8 &- count)
            next.pointee = UInt8(truncatingIfNeeded: byte)
            next += 1
            count -= 8
        }
        return next - start
    }
}

/// Reads bits, most significant first. Past the end it reads zeros and says so in `isOverrun`.
///
/// It keeps nothing but the place of the next bit and loads the word there each time: whether a
/// kept word must be filled up is a branch that no processor foresees, which costs more.
struct BitReader {
    /// Bits of `word` that are always there.
    private static let atHand = 57

    private let bytes: UnsafeRawBufferPointer
    /// The place of the next bit.
    var position = 0

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether more bits were read than there are.
    var isOverrun: Bool { position > bytes.count &* 8 }

    /// The next bits, left-aligned: at least `atHand`, then zeros.
    @inline(__always)
    private var word: UInt64 {
        let byte = position &>> 3
        guard byte &+ 8 <= bytes.count else { return lastWord(byte) }
        let word = bytes.loadUnaligned(fromByteOffset: byte, as: UInt64.self)
        return UInt64(bigEndian: word) &<< UInt64(position & 7)
    }

    @inline(never)
    private func lastWord(_ first: Int) -> UInt64 {
        var word: UInt64 = 0
        for i in 0..<8 where first &+ i < bytes.count {
            word |= UInt64(bytes[first &+ i]) &<< UInt64(56 &- 8 &* i)
        }
        return word &<< UInt64(position & 7)
    }

    /// The next `width` bits; at most 56.
    @inline(__always)
    mutating func read(_ width: Int) -> UInt64 {
        // In two steps, for a width of 0.
        let value = (word &>> 1) &>> UInt64(63 &- width)
        position &+= width
        return value
    }

    /// The next `width` bits; at most 64.
    @inline(__always)
    mutating func readWide(_ width: Int) -> UInt64 {
        guard width > 32 else { return read(width) }
        let high = read(width &- 32)
        return high &<< 32 | read(32)
    }

    /// The last place from which eight bytes can be loaded.
    var lastWhole: Int { bytes.count &* 8 &- 64 }

    /// A quotient of ones, a zero and `parameter` bits as one number, and where it ends; nil when it is
    /// not in the bits at hand, or the ones are `limit` or more. `position` is at most `lastWhole`.
    @inline(__always)
    func plain(_ position: Int, _ parameter: Int, limit: Int) -> (magnitude: UInt64, end: Int)? {
        let loaded = bytes.loadUnaligned(fromByteOffset: position &>> 3, as: UInt64.self)
        let word = UInt64(bigEndian: loaded) &<< UInt64(position & 7)
        let quotient = (~word | 1).leadingZeroBitCount
        let length = quotient &+ 1 &+ parameter
        guard quotient < limit, length <= Self.atHand else { return nil }
        // In two steps, for a parameter of 0.
        let rest = ((word &<< UInt64(quotient &+ 1)) &>> 1) &>> UInt64(63 &- parameter)
        return (UInt64(quotient) &<< UInt64(parameter) | rest, position &+ length)
    }

    /// How many ones come before the next zero, which is stepped over; stops at `limit` ones.
    @inline(__always)
    mutating func ones(limit: Int) -> Int {
        let found = (~word).leadingZeroBitCount
        position &+= found >= limit ? limit : found &+ 1
        return min(found, limit)
    }
}

/// Unsigned LEB128: seven bits a byte, lowest first.
public enum Varint {
    /// Appends `value`.
    @inlinable
    public static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Bytes that `append` adds.
    @inlinable
    public static func length(_ value: UInt64) -> Int {
        max(1, (70 - value.leadingZeroBitCount) / 7)
    }

    /// Bytes that `append` adds for a count.
    @inlinable
    public static func length(_ count: Int) -> Int { length(UInt64(count)) }

    /// Appends a signed value, small magnitudes in few bytes.
    @inlinable
    public static func appendSigned(_ value: Int64, to bytes: inout [UInt8]) {
        append(ZigZag.encode(value), to: &bytes)
    }

    /// Reads a value at `position` and steps over it; nil when it is cut off or too long.
    @inlinable
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

    /// Reads what `appendSigned` wrote.
    @inlinable
    public static func readSigned(
        _ bytes: UnsafeRawBufferPointer, at position: inout Int
    ) -> Int64? {
        read(bytes, at: &position).map(ZigZag.decode)
    }
}

/// Signed numbers as unsigned ones, small magnitudes first: 0, -1, 1, -2, ...
public enum ZigZag {
    /// The unsigned form.
    @inlinable @inline(__always)
    public static func encode(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value &<< 1 ^ value &>> 63)
    }

    /// The signed number again.
    @inlinable @inline(__always)
    public static func decode(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value &>> 1) ^ (0 &- Int64(bitPattern: value & 1))
    }
}
