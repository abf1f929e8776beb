// SPDX-License-Identifier: Apache-2.0

public import Model

/// Matchers as Alertmanager, amtool and our command line write them: `severity="critical"`,
/// `name=~web.*`, several with commas between and braces around if one likes.
public enum MatcherText {
    /// Why a text is no matcher.
    public struct Failure: Error, CustomStringConvertible, Sendable {
        /// What was found and what is understood.
        public let description: String
    }

    /// Bytes a list of matchers may have.
    public static let maxLength = 64 << 10

    /// Reads a list of matchers. Values may go without quotation marks; then they end at a comma.
    public static func parse(_ text: String) throws(Failure) -> [Matcher] {
        guard text.utf8.count <= maxLength else {
            throw Failure(description: "the matchers are over 64 KiB")
        }
        var bytes = Array(text.utf8)[...]
        trim(&bytes)
        if bytes.first == UInt8(ascii: "{") {
            guard bytes.last == UInt8(ascii: "}") else {
                throw Failure(
                    description: "`\(text.prefix(60))` opens a brace and does not close it")
            }
            bytes = bytes.dropFirst().dropLast()
        }
        var matchers: [Matcher] = []
        trim(&bytes)
        while !bytes.isEmpty {
            matchers.append(try one(&bytes, of: text))
            trim(&bytes)
            guard !bytes.isEmpty else { break }
            guard bytes.first == UInt8(ascii: ",") else {
                throw Failure(
                    description: "`\(text.prefix(60))`: expected a comma between matchers")
            }
            bytes = bytes.dropFirst()
            trim(&bytes)
        }
        return matchers
    }

    private static func trim(_ bytes: inout ArraySlice<UInt8>) {
        while let first = bytes.first, first <= 0x20 { bytes = bytes.dropFirst() }
        while let last = bytes.last, last <= 0x20 { bytes = bytes.dropLast() }
    }

    private static func one(
        _ bytes: inout ArraySlice<UInt8>, of text: String
    ) throws(Failure) -> Matcher {
        let name: String
        if bytes.first == UInt8(ascii: "\"") {
            name = try quoted(&bytes, of: text)
        } else {
            let raw = bytes.prefix { byte in
                byte == UInt8(ascii: "_") || byte == UInt8(ascii: ":") || byte >= 0x80
                    || byte == UInt8(ascii: ".") || (0x30...0x39).contains(byte)
                    || (0x61...0x7a).contains(byte | 0x20)
            }
            bytes = bytes.dropFirst(raw.count)
            name = String(decoding: raw, as: UTF8.self)
        }
        trim(&bytes)
        let operations: [Matcher.Operation] = [.matches, .matchesNot, .notEqual, .equal]
        guard !name.isEmpty,
            let operation = operations.first(where: { bytes.starts(with: $0.rawValue.utf8) })
        else {
            throw Failure(
                description: "`\(text.prefix(60))` is no matcher: use name=\"value\", or != =~ !~")
        }
        bytes = bytes.dropFirst(operation.rawValue.utf8.count)
        trim(&bytes)
        let value: String
        if bytes.first == UInt8(ascii: "\"") {
            value = try quoted(&bytes, of: text)
        } else {
            var raw = bytes.prefix { $0 != UInt8(ascii: ",") }
            bytes = bytes.dropFirst(raw.count)
            trim(&raw)
            value = String(decoding: raw, as: UTF8.self)
        }
        return Matcher(name, operation, value)
    }

    private static func quoted(
        _ bytes: inout ArraySlice<UInt8>, of text: String
    ) throws(Failure) -> String {
        bytes = bytes.dropFirst()
        var result: [UInt8] = []
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
            case UInt8(ascii: "\\"):
                switch bytes.popFirst() {
                case UInt8(ascii: "n"): result.append(0x0a)
                case UInt8(ascii: "t"): result.append(0x09)
                case UInt8(ascii: "\\"): result.append(UInt8(ascii: "\\"))
                case UInt8(ascii: "\""): result.append(UInt8(ascii: "\""))
                case .some(let other): result += [UInt8(ascii: "\\"), other]
                case nil: break
                }
            default: result.append(byte)
            }
        }
        throw Failure(description: "`\(text.prefix(60))`: a quotation mark is not closed")
    }

    /// Writes matchers as `{a="b",c=~"d"}`, as Alertmanager does.
    public static func render(_ matchers: [Matcher]) -> String {
        "{" + matchers.map(render).joined(separator: ",") + "}"
    }

    /// Writes one matcher as `a="b"`.
    public static func render(_ matcher: Matcher) -> String {
        "\(matcher.name)\(matcher.operation.rawValue)\"\(escaped(matcher.value))\""
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
