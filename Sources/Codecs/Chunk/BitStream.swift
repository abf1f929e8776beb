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
struct BitReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    /// The next bits, left-aligned; `count` of them are valid.
    private var bits: UInt64 = 0
    private var count = 0

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether more bits were read than there are.
    var isOverrun: Bool { position &* 8 &- count > bytes.count &* 8 }

    @inline(__always)
    private mutating func fill() {
        if position &+ 8 <= bytes.count {
            let word = UInt64(
                bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            bits |= word &>> UInt64(count)
            let taken = (64 &- count) &>> 3
            position &+= taken
            count &+= taken &<< 3
            // What came in beyond whole bytes is read again.
            if count < 64 { bits &= ~0 &<< UInt64(64 &- count) }
        } else {
            while count <= 56 {
                if position < bytes.count {
                    bits |= UInt64(bytes[position]) &<< UInt64(56 &- count)
                }
                position &+= 1
                count &+= 8
            }
        }
    }

    /// The next `width` bits; at most 56.
    @inline(__always)
    mutating func read(_ width: Int) -> UInt64 {
        guard width > 0 else { return 0 }
        if count < width { fill() }
        let value = bits &>> UInt64(64 &- width)
        bits &<<= UInt64(width)
        count &-= width
        return value
    }

    /// The next `width` bits; at most 64.
    @inline(__always)
    mutating func readWide(_ width: Int) -> UInt64 {
        guard width > 32 else { return read(width) }
        let high = read(width &- 32)
        return high &<< 32 | read(32)
    }

    /// A quotient of ones, a zero and `parameter` bits as one number; nil when there are `limit` ones
    /// or more, of which nothing is taken then.
    @inline(__always)
    mutating func rice(_ parameter: Int, limit: Int) -> UInt64? {
        if count <= 32 { fill() }
        let quotient = (~bits).leadingZeroBitCount
        guard quotient < limit else { return nil }
        let used = quotient &+ 1
        guard used &+ parameter <= count else {
            // Over what is at hand: the two parts one after the other.
            bits &<<= UInt64(used)
            count &-= used
            return UInt64(quotient) &<< UInt64(parameter) | read(parameter)
        }
        let rest = bits &<< UInt64(used)
        bits = rest &<< UInt64(parameter)
        count &-= used &+ parameter
        // In two steps, for a parameter of 0.
        return UInt64(quotient) &<< UInt64(parameter) | (rest &>> 1) &>> UInt64(63 &- parameter)
    }

    /// How many ones come before the next zero, which is stepped over; stops at `limit` ones.
    @inline(__always)
    mutating func ones(limit: Int) -> Int {
        if count <= limit { fill() }
        let found = (~bits).leadingZeroBitCount
        if found >= limit {
            bits &<<= UInt64(limit)
            count &-= limit
            return limit
        }
        bits &<<= UInt64(found &+ 1)
        count &-= found &+ 1
        return found
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
