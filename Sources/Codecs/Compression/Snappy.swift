// SPDX-License-Identifier: Apache-2.0

import CSnappy

/// Snappy's block format, as Prometheus' remote protocols use it, by libsnappy.
public enum Snappy {
    /// `bytes` as one block.
    public static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var length = snappy_max_compressed_length(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: length) { output, count in
            let status = bytes.withUnsafeBytes { input in
                output.withMemoryRebound(to: CChar.self) {
                    snappy_compress(
                        input.baseAddress?.assumingMemoryBound(to: CChar.self), input.count,
                        $0.baseAddress, &length)
                }
            }
            count = status == SNAPPY_OK ? length : 0
        }
    }

    /// How many bytes a block says it holds; nil when it is no block.
    public static func decompressedLength(_ block: [UInt8]) -> Int? {
        var length = 0
        return block.withUnsafeBytes { raw in
            guard let input = raw.baseAddress?.assumingMemoryBound(to: CChar.self),
                snappy_uncompressed_length(input, raw.count, &length) == SNAPPY_OK
            else { return nil }
            return length
        }
    }

    /// What a block holds; nil when it is no block, or holds more than `limit` bytes.
    public static func decompress(_ block: [UInt8], limit: Int) -> [UInt8]? {
        var length = 0
        return block.withUnsafeBytes { raw -> [UInt8]? in
            guard let input = raw.baseAddress?.assumingMemoryBound(to: CChar.self),
                snappy_uncompressed_length(input, raw.count, &length) == SNAPPY_OK,
                length <= limit
            else { return nil }
            var isWhole = false
            let bytes = [UInt8](unsafeUninitializedCapacity: max(length, 1)) { output, count in
                output.withMemoryRebound(to: CChar.self) {
                    isWhole =
                        snappy_uncompress(input, raw.count, $0.baseAddress, &length) == SNAPPY_OK
                }
                count = isWhole ? length : 0
            }
            return isWhole ? bytes : nil
        }
    }
}
