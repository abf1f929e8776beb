// SPDX-License-Identifier: Apache-2.0

import CZlib

/// Decompresses gzip (RFC 1952) piece by piece, so that what comes out is bounded by who asks.
/// Used by one thread.
public final class GzipReader {
    private var stream = z_stream()
    /// Whether the last member has ended.
    public private(set) var isAtEnd = false

    /// A reader at the start of a file; nil when zlib has no memory for it.
    public init?() {
        guard
            inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
                == Z_OK
        else { return nil }
    }

    deinit { inflateEnd(&stream) }

    /// Decompresses from `input` into `output`; how many bytes of each were used. Nil when the
    /// data is damaged.
    public func read(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (taken: Int, made: Int)? {
        guard !isAtEnd, input.count < UInt32.max, output.count < UInt32.max else {
            return isAtEnd ? (0, 0) : nil
        }
        // zlib does not write through next_in; its type lacks the `const`.
        stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(output.count)
        let code = inflate(&stream, Z_NO_FLUSH)
        guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { return nil }
        isAtEnd = code == Z_STREAM_END
        return (
            input.count - Int(stream.avail_in), output.count - Int(stream.avail_out)
        )
    }
}
