// SPDX-License-Identifier: Apache-2.0

/// Writes texts as JSON strings (RFC 8259, section 7), straight to bytes.
public enum JSONText {
    /// Appends a text in quotes.
    public static func append(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0), to: &output) }
    }

    /// Appends bytes in quotes; what is not UTF-8 becomes U+FFFD, one for each maximal piece.
    public static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        var start = 0
        var at = 0
        while true {
            at = special(bytes, from: at)
            guard at < bytes.count else { break }
            let byte = bytes[at]
            if byte >= 0x80 {
                let length = sequence(bytes, at)
                if length > 0 {
                    at += length
                    continue
                }
            }
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<at]))
            if byte >= 0x80 {
                output += [0xef, 0xbf, 0xbd]
                at += malformed(bytes, at)
            } else {
                escape(byte, to: &output)
                at += 1
            }
            start = at
        }
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<at]))
        output.append(UInt8(ascii: "\""))
    }

    /// The first place at or after `start` of what may not stand as it is: a control character, a
    /// quote, a backslash, or no ASCII.
    private static func special(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while at &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            // A byte is 0 where it is the one looked for; a borrow may mark what follows such a
            // byte, never what is before.
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5c)
            let found =
                (word &- ones &* 0x20) | word | ((quote &- ones) & ~quote)
                | ((slash &- ones) & ~slash)
            let marks = found & tops
            guard marks == 0 else {
                return at &+ UInt64(littleEndian: marks).trailingZeroBitCount / 8
            }
            at &+= 8
        }
        while at < bytes.count {
            let byte = bytes[at]
            guard byte >= 0x20, byte < 0x80, byte != 0x22, byte != 0x5c else { return at }
            at &+= 1
        }
        return at
    }

    private static func escape(_ byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        case 0x0a: output.append(UInt8(ascii: "n"))
        case 0x0d: output.append(UInt8(ascii: "r"))
        case 0x09: output.append(UInt8(ascii: "t"))
        default:
            output += "u00".utf8
            output.append(byte >> 4 + 0x30)
            output.append(byte & 15 < 10 ? byte & 15 + 0x30 : byte & 15 + 0x57)
        }
    }

    /// Bytes of the well-formed sequence at a place (Unicode 15, table 3-7); 0 when there is none.
    private static func sequence(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        let length = wanted(bytes[at])
        guard length > 0, at + length <= bytes.count else { return 0 }
        for i in 1..<length where !isContinuation(bytes, at, i) { return 0 }
        return length
    }

    /// Bytes of the longest start of a sequence at a place; at least 1.
    private static func malformed(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        let length = wanted(bytes[at])
        var i = 1
        while i < length, at + i < bytes.count, isContinuation(bytes, at, i) { i += 1 }
        return i
    }

    private static func wanted(_ first: UInt8) -> Int {
        switch first {
        case 0xc2...0xdf: 2
        case 0xe0...0xef: 3
        case 0xf0...0xf4: 4
        default: 0
        }
    }

    private static func isContinuation(
        _ bytes: UnsafeRawBufferPointer, _ at: Int, _ i: Int
    ) -> Bool {
        let byte = bytes[at + i]
        guard i == 1 else { return byte & 0xc0 == 0x80 }
        return switch bytes[at] {
        case 0xe0: (0xa0...0xbf).contains(byte)
        case 0xed: (0x80...0x9f).contains(byte)
        case 0xf0: (0x90...0xbf).contains(byte)
        case 0xf4: (0x80...0x8f).contains(byte)
        default: byte & 0xc0 == 0x80
        }
    }
}
