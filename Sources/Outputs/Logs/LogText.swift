// SPDX-License-Identifier: Apache-2.0

/// Valid UTF-8 out of what a container wrote.
enum LogText {
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // Most lines are ASCII, of which eight bytes are looked at at once.
        var at = 0
        while at &+ 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            at &+= 8
        }
        while at < bytes.count, bytes[at] < 0x80 { at &+= 1 }
        guard at < bytes.count else { return true }
        return String(validating: bytes[at...], as: UTF8.self) != nil
    }

    /// Calls `body` with the bytes, with U+FFFD for what is no UTF-8.
    static func withUTF8<R>(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> R
    ) -> R {
        if isUTF8(bytes) { return body(bytes) }
        return Array(String(decoding: bytes, as: UTF8.self).utf8).withUnsafeBytes(body)
    }
}
