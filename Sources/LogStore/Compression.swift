// SPDX-License-Identifier: Apache-2.0

import CZstd

/// Zstandard (RFC 8878) with its working memory kept. Used by one thread at a time.
final class Compressor {
    private let context: OpaquePointer
    private var scratch: UnsafeMutableRawBufferPointer

    init() throws(LogStoreError) {
        scratch = .allocate(byteCount: 0, alignment: 8)
        guard let context = ZSTD_createCCtx() else {
            throw LogStoreError("compressing logs: out of memory")
        }
        self.context = context
    }

    deinit {
        ZSTD_freeCCtx(context)
        scratch.deallocate()
    }

    /// Appends `bytes` compressed; how many bytes that made.
    func compress(
        _ bytes: UnsafeRawBufferPointer, level: Int32, into output: inout [UInt8]
    ) throws(LogStoreError) -> Int {
        let bound = ZSTD_compressBound(bytes.count)
        if scratch.count < bound {
            scratch.deallocate()
            scratch = .allocate(byteCount: bound, alignment: 8)
        }
        let made = ZSTD_compressCCtx(
            context, scratch.baseAddress, bound, bytes.baseAddress, bytes.count, level)
        guard ZSTD_isError(made) == 0 else {
            throw LogStoreError("compressing logs: \(String(cString: ZSTD_getErrorName(made)))")
        }
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: scratch[..<made]))
        return made
    }
}

/// The way back. Used by one thread at a time.
final class Decompressor {
    private let context: OpaquePointer

    init() throws(LogStoreError) {
        guard let context = ZSTD_createDCtx() else {
            throw LogStoreError("decompressing logs: out of memory")
        }
        self.context = context
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Fills `output`, which is as long as the frame must be; false when it is not, or is damaged.
    /// Nothing is ever written beyond `output`, whatever the frame claims.
    func decompress(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let made = ZSTD_decompressDCtx(
            context, output.baseAddress, output.count, bytes.baseAddress, bytes.count)
        return ZSTD_isError(made) == 0 && made == output.count
    }
}
