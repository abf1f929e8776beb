// SPDX-License-Identifier: Apache-2.0

import Codecs

/// The frames of a journal file:
///
///     mark      2 bytes, a7 1e
///     length    4 bytes, of the payload, little-endian
///     checksum  4 bytes, CRC-32C of the length's 4 bytes and the payload, little-endian
///     payload   its first byte is the kind
///
/// A crash can leave a part of the last frame, which is no damage. Anything else that is not a
/// whole frame is damage, and reading goes on at the next whole frame.
enum JournalFrame {
    static let headerBytes = 10
    static let largest = 256 << 20
    private static let mark: [UInt8] = [0xa7, 0x1e]

    enum Kind {
        static let header: UInt8 = 0
        static let definitions: UInt8 = 1
        static let tick: UInt8 = 2
    }

    /// Begins a frame in `bytes`; gives where it begins.
    static func begin(_ bytes: inout [UInt8]) -> Int {
        defer { bytes += mark + [UInt8](repeating: 0, count: 8) }
        return bytes.count
    }

    /// Completes the frame that begins at `start` and ends with `bytes`.
    static func end(_ bytes: inout [UInt8], start: Int) {
        let length = UInt32(bytes.count - start - headerBytes)
        bytes.withUnsafeMutableBytes { all in
            all.storeBytes(of: length.littleEndian, toByteOffset: start + 2, as: UInt32.self)
            let checksum = checksum(UnsafeRawBufferPointer(all), at: start, length: Int(length))
            all.storeBytes(of: checksum.littleEndian, toByteOffset: start + 6, as: UInt32.self)
        }
    }

    private static func checksum(
        _ bytes: UnsafeRawBufferPointer, at start: Int, length: Int
    ) -> UInt32 {
        // The length is not next to the payload: its own checksum starts that of the payload.
        let first = CRC32C.checksum(
            UnsafeRawBufferPointer(rebasing: bytes[(start + 2)..<(start + 6)]))
        let from = start + headerBytes
        return CRC32C.checksum(
            UnsafeRawBufferPointer(rebasing: bytes[from..<(from + length)]), after: first)
    }

    /// The payload of the whole frame that begins at `start`, or nil.
    static func payload(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Range<Int>? {
        guard start + headerBytes < bytes.count, bytes[start] == mark[0],
            bytes[start + 1] == mark[1]
        else { return nil }
        let length = Int(
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt32.self)))
        guard length > 0, length <= min(largest, bytes.count - start - headerBytes) else {
            return nil
        }
        let stored = UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: start + 6, as: UInt32.self))
        guard checksum(bytes, at: start, length: length) == stored else { return nil }
        return (start + headerBytes)..<(start + headerBytes + length)
    }

    /// Calls `body` with each whole frame's payload, and whether there was damage before it; gives
    /// how many stretches of damage there were.
    static func read(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Bool) -> Void
    ) -> Int {
        var at = 0
        var damaged = 0
        var isAfterDamage = false
        while at < bytes.count {
            if let payload = payload(bytes, at: at) {
                body(UnsafeRawBufferPointer(rebasing: bytes[payload]), isAfterDamage)
                isAfterDamage = false
                at = payload.upperBound
                continue
            }
            // The next mark that begins a whole frame; without one, this was the torn end.
            var next = at + 1
            while next < bytes.count {
                if bytes[next] == mark[0], self.payload(bytes, at: next) != nil { break }
                next += 1
            }
            guard next < bytes.count else { break }
            damaged += 1
            isAfterDamage = true
            at = next
        }
        return damaged
    }
}
