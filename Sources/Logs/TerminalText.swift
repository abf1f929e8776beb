// SPDX-License-Identifier: Apache-2.0

/// Bytes from a container made harmless to a terminal.
public enum TerminalText {
    /// Appends `bytes` with control, escape and bidirectional characters shown as `\u{..}` and
    /// what is not UTF-8 as U+FFFD; tabs stay. With `keepingColours` sequences that only set
    /// colours stay too, and are undone at the end.
    public static func append(
        _ bytes: [UInt8], to output: inout [UInt8], keepingColours: Bool = false
    ) {
        guard keepingColours, bytes.contains(0x1b) else { return append(plain: bytes, to: &output) }
        var start = 0
        var at = 0
        while at < bytes.count {
            guard bytes[at] == 0x1b, let end = colourEnd(bytes, at) else {
                at += 1
                continue
            }
            append(plain: Array(bytes[start..<at]), to: &output)
            output += bytes[at..<end]
            (start, at) = (end, end)
        }
        append(plain: Array(bytes[start...]), to: &output)
        if start > 0 { output += "\u{1b}[0m".utf8 }
    }

    /// Where `ESC [ numbers m` ends that begins at `start`; nil for another sequence, and for one
    /// that hides what follows (8).
    private static func colourEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
        guard start + 1 < bytes.count, bytes[start + 1] == 0x5b else { return nil }
        var at = start + 2
        var number = 0
        while at < bytes.count, at - start < 40 {
            switch bytes[at] {
            case 0x30...0x39: number = min(1000, number * 10 + Int(bytes[at] - 0x30))
            case 0x3b, 0x6d:
                if number == 8 { return nil }
                if bytes[at] == 0x6d { return at + 1 }
                number = 0
            default: return nil
            }
            at += 1
        }
        return nil
    }

    private static func append(plain bytes: [UInt8], to output: inout [UInt8]) {
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
