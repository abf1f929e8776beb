// SPDX-License-Identifier: Apache-2.0

/// Bytes from a container made harmless to a terminal.
public enum TerminalText {
    /// Appends `bytes` with control, escape and bidirectional characters shown as `\u{..}` and
    /// what is not UTF-8 as U+FFFD; tabs stay.
    public static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f || $0 == 0x09 }) {
            output += bytes
            return
        }
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x09: output.append(0x09)
            case 0..<0x20, 0x7f...0x9f, 0x061c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069:
                output += "\\u{\(String(scalar.value, radix: 16))}".utf8
            default: output += String(scalar).utf8
            }
        }
    }
}
