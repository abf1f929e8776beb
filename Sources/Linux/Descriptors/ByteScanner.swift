// SPDX-License-Identifier: Apache-2.0

/// Walks over the bytes of a kernel file without making strings. Nothing in it traps: numbers that
/// do not fit are clamped, what is not a number is nil.
public struct ByteScanner {
    private let bytes: UnsafeRawBufferPointer
    /// Where the scanner stands.
    public private(set) var position = 0

    /// A scanner at the start of `bytes`, which must outlive it.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer) { self.init(bytes: bytes) }

    @usableFromInline
    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether nothing is left.
    public var isAtEnd: Bool { position >= bytes.count }

    /// The byte here, or 0 at the end.
    public var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    /// Steps over `byte` if it is here; whether it was.
    public mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Steps over blanks and tabs.
    public mutating func skipBlanks() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 {
            position += 1
        }
    }

    /// Steps over the rest of the line and its newline.
    public mutating func skipLine() {
        while position < bytes.count, bytes[position] != 0x0a { position += 1 }
        if position < bytes.count { position += 1 }
    }

    /// The bytes up to a blank, tab, newline, `=` or the end.
    public mutating func word() -> UnsafeRawBufferPointer {
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x3d { break }
            position += 1
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    /// An unsigned decimal number; nil when no digit is here. Clamped to `Int64.max`.
    public mutating func number() -> Int64? {
        let start = position
        var value: UInt64 = 0
        var overflowed = false
        while position < bytes.count {
            let digit = bytes[position] &- 0x30
            guard digit < 10 else { break }
            let (product, carry) = value.multipliedReportingOverflow(by: 10)
            let (sum, carryAgain) = product.addingReportingOverflow(UInt64(digit))
            overflowed = overflowed || carry || carryAgain
            value = sum
            position += 1
        }
        guard position > start else { return nil }
        return overflowed || value > UInt64(Int64.max) ? Int64.max : Int64(value)
    }

    /// A decimal number with an optional fraction, such as `12.34`.
    public mutating func decimal() -> Double? {
        guard let whole = number() else { return nil }
        guard skip(0x2e) else { return Double(whole) }
        // One division of two exact numbers gives the value nearest to the text.
        var digits = whole
        var scale = 1.0
        while position < bytes.count, bytes[position] &- 0x30 < 10 {
            if digits < 1 << 49, scale < 1e15 {
                digits = digits * 10 + Int64(bytes[position] &- 0x30)
                scale *= 10
            }
            position += 1
        }
        return Double(digits) / scale
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes are those of an ASCII literal.
    @inlinable @inline(__always)
    public func equals(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        // The last byte first: keys of one length mostly differ there.
        var i = count
        while i > 0 {
            i -= 1
            if self[i] != literal.utf8Start[i] { return false }
        }
        return true
    }
}
