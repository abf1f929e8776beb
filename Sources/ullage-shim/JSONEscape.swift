// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Docker's escapes for the `log` string: `\\ \" \n \r`, `\u00xx` for other control bytes and for
/// `< > &`, `\u2028` and `\u2029`, and `\ufffd` for each byte that is not UTF-8.
enum JSONEscape {
    /// Writes at most six bytes for each of `count`; gives how many.
    static func encode(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, into output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var i = 0
        var o = 0
        while i < count {
            let plain = plainPrefix(bytes + i, count - i)
            memcpy(output + o, bytes + i, plain)
            i += plain
            o += plain
            guard i < count else { break }
            if bytes[i] < 0x80 {
                o += escape(bytes[i], into: output + o)
                i += 1
            } else {
                let length = sequenceLength(bytes + i, count - i)
                o += multibyte(bytes + i, length, into: output + o)
                i += max(1, length)
            }
        }
        return o
    }

    /// How many bytes from the start need no look: printable ASCII but `" \ < > &`. Eight at a
    /// time: a byte b equals c exactly when (b ^ c) - 1 borrows.
    @inline(__always)
    private static func plainPrefix(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        var i = 0
        while i + 8 <= count {
            let word = UnsafeRawPointer(bytes + i).loadUnaligned(as: UInt64.self)
            if special(word) != 0 { break }
            i += 8
        }
        while i < count && isPlain(bytes[i]) { i += 1 }
        return i
    }

    @inline(__always)
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        @inline(__always) func equals(_ byte: UInt8) -> UInt64 {
            let difference = word ^ (ones &* UInt64(byte))
            return (difference &- ones) & ~difference
        }
        let control = (word &- ones &* 0x20) & ~word
        // `&` (0x26) and `"` (0x22) differ in one bit, as do `<` (0x3c) and `>` (0x3e).
        let quotes = equals(0x22) | equals(0x26) | equals(0x5c)
        return (word | control | quotes | equals(0x3c) | equals(0x3e)) & highs
    }

    @inline(__always)
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x26 && byte != 0x3c
            && byte != 0x3e && byte != 0x5c
    }

    private static func escape(_ byte: UInt8, into output: UnsafeMutablePointer<UInt8>) -> Int {
        output[0] = UInt8(ascii: "\\")
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output[1] = byte
        case UInt8(ascii: "\n"): output[1] = UInt8(ascii: "n")
        case UInt8(ascii: "\r"): output[1] = UInt8(ascii: "r")
        default:
            output[1] = UInt8(ascii: "u")
            output[2] = UInt8(ascii: "0")
            output[3] = UInt8(ascii: "0")
            output[4] = hexadecimal(byte >> 4)
            output[5] = hexadecimal(byte & 15)
            return 6
        }
        return 2
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }

    /// The length of the UTF-8 sequence at `bytes` (RFC 3629: no overlong forms, no surrogates,
    /// nothing past U+10FFFF), or 0 when there is none.
    private static func sequenceLength(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let first = bytes[0]
        let length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
        guard length > 0, length <= count else { return 0 }
        for i in 1..<length where bytes[i] & 0xc0 != 0x80 { return 0 }
        let second = bytes[1]
        if first == 0xe0 && second < 0xa0 || first == 0xed && second > 0x9f
            || first == 0xf0 && second < 0x90 || first == 0xf4 && second > 0x8f
        {
            return 0
        }
        return length
    }

    private static func multibyte(
        _ bytes: UnsafePointer<UInt8>, _ length: Int, into output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var replacement: StaticString = "\\ufffd"
        if length == 3, bytes[0] == 0xe2, bytes[1] == 0x80, bytes[2] == 0xa8 || bytes[2] == 0xa9 {
            replacement = bytes[2] == 0xa8 ? "\\u2028" : "\\u2029"
        } else if length > 0 {
            memcpy(output, bytes, length)
            return length
        }
        memcpy(output, replacement.utf8Start, 6)
        return 6
    }
}
