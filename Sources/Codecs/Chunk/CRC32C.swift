// SPDX-License-Identifier: Apache-2.0

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), as checksum of what is stored.
public enum CRC32C {
    /// Eight tables of 256, so that eight bytes are taken at once ("slicing by 8").
    private static let tables: [UInt32] = {
        var all = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            all[index] = value
        }
        for slice in 1..<8 {
            for index in 0..<256 {
                let before = all[(slice - 1) * 256 + index]
                all[slice * 256 + index] = before >> 8 ^ all[Int(before & 0xff)]
            }
        }
        return all
    }()

    /// The checksum of `bytes`, or of what `previous` is the checksum of followed by `bytes`.
    public static func checksum(
        _ bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0
    ) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            var crc = ~previous
            var at = 0
            while at &+ 8 <= bytes.count {
                let word =
                    UInt64(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                    ^ UInt64(crc)
                var next: UInt32 = 0
                for slice in 0..<8 {
                    let byte = Int(word &>> UInt64(slice &* 8) & 0xff)
                    next ^= table[(7 &- slice) &* 256 &+ byte]
                }
                crc = next
                at &+= 8
            }
            while at < bytes.count {
                crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[at])]
                at &+= 1
            }
            return ~crc
        }
    }
}
