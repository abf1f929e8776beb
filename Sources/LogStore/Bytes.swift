// SPDX-License-Identifier: Apache-2.0

import CLinux
import Codecs

/// Numbers in bytes, little-endian.
enum Bytes {
    static func store<T: FixedWidthInteger>(_ value: T, _ at: Int, _ to: inout [UInt8]) {
        to.withUnsafeMutableBytes {
            $0.storeBytes(of: value.littleEndian, toByteOffset: at, as: T.self)
        }
    }

    static func load<T: FixedWidthInteger>(_ at: Int, _ from: UnsafeRawBufferPointer) -> T {
        T(littleEndian: from.loadUnaligned(fromByteOffset: at, as: T.self))
    }

    /// CRC-32C, by the processor's instruction where there is one.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        hasInstruction ? ul_crc32c(bytes.baseAddress, bytes.count) : CRC32C.checksum(bytes)
    }

    private static let hasInstruction = ul_has_crc32c()

    /// LEB128 of a number without a sign.
    @inline(__always)
    static func putVarint(_ value: UInt64, _ to: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            to.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        to.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Reads what `putVarint` wrote; nil when the bytes end within it or it is too long.
    @inline(__always)
    static func varint(_ from: UnsafeRawBufferPointer, _ at: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while at < from.count, shift < 64 {
            let byte = from[at]
            at += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    /// A signed number with small ones, of either sign, small.
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

    /// The number `zigzag` made.
    static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}
