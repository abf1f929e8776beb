// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file of lines `SEQUENCE ID`: up to where logs were shown.
struct LogCursorFile {
    let path: String
    /// The first sequence not shown, by the log's id.
    let positions: [String: Int64]

    /// Reads it; one that is not there yet has no positions.
    init(path: String) throws {
        self.path = path
        guard let file = fopen(path, "re") else {
            guard errno == ENOENT else {
                throw Failure(.io, "cannot read \(path): \(String(cString: strerror(errno)))")
            }
            positions = [:]
            return
        }
        defer { fclose(file) }
        var found: [String: Int64] = [:]
        var buffer = [CChar](repeating: 0, count: 8192)
        while fgets(&buffer, Int32(buffer.count), file) != nil, found.count < 100_000 {
            let bytes = buffer.prefix { $0 != 0 && $0 != 0x0a }.map { UInt8(bitPattern: $0) }
            let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0 else {
                throw Failure(.badData, "\(path) is no file that --cursor wrote")
            }
            found[String(parts[1])] = sequence
        }
        positions = found
    }

    /// Writes the positions, whole or not at all.
    func write(_ more: [String: Int64]) throws {
        let all = positions.merging(more) { max($0, $1) }
        let text = all.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)\n" }.joined()
        let new = path + ".new"
        let failure = { Failure(.io, "cannot write \(path): \(String(cString: strerror(errno)))") }
        guard let file = fopen(new, "we") else { throw failure() }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten, rename(new, path) == 0 else { throw failure() }
    }
}
