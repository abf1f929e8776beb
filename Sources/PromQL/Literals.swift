// SPDX-License-Identifier: Apache-2.0

/// Words that query languages of this family write alike.
public enum Literals {
    /// Whether a byte is a letter or an underscore.
    public static func isAlpha(_ c: UInt8) -> Bool {
        (c | 0x20 >= UInt8(ascii: "a") && c | 0x20 <= UInt8(ascii: "z")) || c == UInt8(ascii: "_")
    }

    /// Whether a byte is a digit.
    public static func isDigit(_ c: UInt8) -> Bool {
        c >= UInt8(ascii: "0") && c <= UInt8(ascii: "9")
    }

    /// The value of the string that begins with the quote at `at`, which is moved behind it.
    /// Between backquotes bytes are as they are, between other quotes Go's escapes are undone.
    public static func string(_ bytes: [UInt8], _ at: inout Int) throws(QueryError) -> String {
        let start = at
        let quote = bytes[at]
        at += 1
        var value: [UInt8] = []
        while true {
            guard at < bytes.count else { throw fail("unterminated quoted string", start) }
            let c = bytes[at]
            at += 1
            if c == quote { break }
            guard quote != UInt8(ascii: "`") else {
                value.append(c)
                continue
            }
            if c == 0x0a { throw fail("unterminated quoted string", start) }
            if c == UInt8(ascii: "\\") {
                try escape(bytes, &at, into: &value, quote: quote)
            } else {
                value.append(c)
            }
        }
        return String(decoding: value, as: UTF8.self)
    }

    private static func fail(_ message: String, _ position: Int) -> QueryError {
        QueryError(.badData, message, at: position)
    }

    private static func escape(
        _ bytes: [UInt8], _ at: inout Int, into value: inout [UInt8], quote: UInt8
    ) throws(QueryError) {
        let start = at - 1
        let c = at < bytes.count ? bytes[at] : 0
        at += 1
        switch c {
        case UInt8(ascii: "a"): value.append(7)
        case UInt8(ascii: "b"): value.append(8)
        case UInt8(ascii: "f"): value.append(12)
        case UInt8(ascii: "n"): value.append(10)
        case UInt8(ascii: "r"): value.append(13)
        case UInt8(ascii: "t"): value.append(9)
        case UInt8(ascii: "v"): value.append(11)
        case UInt8(ascii: "\\"), quote: value.append(c)
        case UInt8(ascii: "x"):
            value.append(UInt8(truncatingIfNeeded: try digits(bytes, &at, 2, 16, start)))
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let code = try digits(bytes, &at, c == UInt8(ascii: "u") ? 4 : 8, 16, start)
            guard let scalar = Unicode.Scalar(code) else {
                throw fail("escape sequence is an invalid Unicode code point", start)
            }
            value += Array(String(Character(scalar)).utf8)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            at -= 1
            value.append(UInt8(truncatingIfNeeded: try digits(bytes, &at, 3, 8, start)))
        default: throw fail("unknown escape sequence", start)
        }
    }

    private static func digits(
        _ bytes: [UInt8], _ at: inout Int, _ count: Int, _ radix: Int, _ start: Int
    ) throws(QueryError) -> UInt32 {
        guard at + count <= bytes.count,
            let code = UInt32(
                String(decoding: bytes[at..<at + count], as: UTF8.self), radix: radix),
            radix == 16 || code < 256
        else { throw fail("illegal character in escape sequence", start) }
        at += count
        return code
    }
}
