// SPDX-License-Identifier: Apache-2.0

import Codecs

/// The body of a request, decompressed within bounds.
enum RequestBody {
    /// What `body` holds. Throws `ReceiveError` for an encoding that is not understood, damaged data
    /// and more than `limit` bytes, which are not made then.
    static func decode(
        _ body: [UInt8], encoding: String, limit: Int
    ) throws(ReceiveError) -> [UInt8] {
        switch encoding.lowercased() {
        case "", "identity":
            guard body.count <= limit else { throw tooLarge(limit) }
            return body
        case "snappy":
            guard let length = Snappy.decompressedLength(body) else {
                throw .malformed("the body is not a snappy block")
            }
            guard length <= limit else { throw tooLarge(limit) }
            guard let decoded = Snappy.decompress(body, limit: limit) else {
                throw .malformed("the body is a damaged snappy block")
            }
            return decoded
        case "gzip", "x-gzip": return try gunzip(body, limit: limit)
        default:
            throw .unsupported(
                "the Content-Encoding `\(encoding.prefix(32))` is not understood: send snappy, gzip "
                    + "or none")
        }
    }

    private static func tooLarge(_ limit: Int) -> ReceiveError {
        .tooLarge("the body has more than \(limit) bytes after decompression: send smaller batches")
    }

    private static func gunzip(_ body: [UInt8], limit: Int) throws(ReceiveError) -> [UInt8] {
        guard let reader = GzipReader() else {
            throw .unavailable("there is no memory to decompress the body")
        }
        var decoded: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        var at = 0
        while !reader.isAtEnd {
            let step = body.withUnsafeBytes { all in
                piece.withUnsafeMutableBytes {
                    reader.read(UnsafeRawBufferPointer(rebasing: all[at...]), into: $0)
                }
            }
            guard let step, step.taken > 0 || step.made > 0 else {
                throw .malformed("the body is damaged or cut off gzip data")
            }
            at += step.taken
            guard decoded.count + step.made <= limit else { throw tooLarge(limit) }
            decoded += piece[..<step.made]
        }
        guard at == body.count else {
            throw .malformed("bytes follow the gzip data of the body")
        }
        return decoded
    }
}
