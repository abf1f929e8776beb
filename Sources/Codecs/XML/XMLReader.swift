// SPDX-License-Identifier: Apache-2.0

/// Reads an XML document that somebody else wrote, piece by piece (XML 1.0). Bounded in depth, in
/// attributes and in text; a document type, with which entities could be multiplied, is refused.
/// Namespaces are not resolved: a name loses its prefix.
public struct XMLReader {
    /// A piece of the document.
    public enum Event: Hashable, Sendable {
        /// A start tag, with its attributes. An empty element is followed by its end.
        case start(name: String, attributes: [String: String])
        /// An end tag.
        case end(name: String)
        /// Text; a long one comes in several pieces.
        case text(String)
    }

    /// Why a document is refused.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// What is wrong and where.
        public let description: String

        /// A failure in these words.
        public init(description: String) { self.description = description }
    }

    private let bytes: [UInt8]
    private var at = 0
    private var open: [String] = []
    private var pendingEnd: String?

    private static let maxDepth = 128
    private static let maxAttributes = 64
    private static let maxName = 256
    private static let maxText = 1 << 16

    /// A reader at the start of `bytes`.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next piece; nil at the document's end.
    public mutating func next() throws(Failure) -> Event? {
        if let name = pendingEnd {
            pendingEnd = nil
            return .end(name: name)
        }
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "<") else { return .text(try text()) }
            if starts("<!--") {
                try skip(past: "-->")
            } else if starts("<![CDATA[") {
                return .text(try cdata())
            } else if starts("<?") {
                try skip(past: "?>")
            } else if starts("<!") {
                throw failure("a document type is not accepted")
            } else if starts("</") {
                return try endTag()
            } else {
                return try startTag()
            }
        }
        guard open.isEmpty else { throw failure("the document ends within \(open.last ?? "")") }
        return nil
    }

    private func failure(_ what: String) -> Failure {
        let line = 1 + bytes[..<min(at, bytes.count)].count { $0 == 0x0a }
        return Failure(description: "line \(line): \(what)")
    }

    private func starts(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard at + count <= bytes.count else { return false }
        return text.withUTF8Buffer { $0.elementsEqual(bytes[at..<(at + count)]) }
    }

    private mutating func skip(past mark: StaticString) throws(Failure) {
        while at < bytes.count {
            if starts(mark) {
                at += mark.utf8CodeUnitCount
                return
            }
            at += 1
        }
        throw failure("`\(mark)` is missing")
    }

    private mutating func skipBlanks() {
        while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
    }

    private mutating func name() throws(Failure) -> String {
        let start = at
        while at < bytes.count, at - start <= Self.maxName {
            switch bytes[at] {
            case 0x20, 0x09, 0x0a, 0x0d, UInt8(ascii: "/"), UInt8(ascii: ">"), UInt8(ascii: "="),
                UInt8(ascii: "<"), UInt8(ascii: "\""), UInt8(ascii: "'"):
                break
            default:
                at += 1
                continue
            }
            break
        }
        guard at > start, at - start <= Self.maxName else { throw failure("a name is missing") }
        let full = String(decoding: bytes[start..<at], as: UTF8.self)
        return full.split(separator: ":", omittingEmptySubsequences: false).last.map(String.init)
            ?? full
    }

    private mutating func startTag() throws(Failure) -> Event {
        at += 1
        let element = try name()
        guard open.count < Self.maxDepth else { throw failure("elements are nested too deeply") }
        var attributes: [String: String] = [:]
        while true {
            skipBlanks()
            guard at < bytes.count else { throw failure("a tag is not closed") }
            if bytes[at] == UInt8(ascii: ">") {
                at += 1
                open.append(element)
                return .start(name: element, attributes: attributes)
            }
            if starts("/>") {
                at += 2
                pendingEnd = element
                return .start(name: element, attributes: attributes)
            }
            let key = try name()
            skipBlanks()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "=") else {
                throw failure("an attribute has no value")
            }
            at += 1
            skipBlanks()
            let value = try quoted()
            guard attributes.count < Self.maxAttributes else {
                throw failure("a tag has too many attributes")
            }
            attributes[key] = value
        }
    }

    private mutating func quoted() throws(Failure) -> String {
        guard at < bytes.count, [0x22, 0x27].contains(bytes[at]) else {
            throw failure("an attribute's value is not quoted")
        }
        let mark = bytes[at]
        at += 1
        let start = at
        while at < bytes.count, bytes[at] != mark {
            guard bytes[at] != UInt8(ascii: "<") else { throw failure("`<` in an attribute") }
            at += 1
        }
        guard at < bytes.count else { throw failure("an attribute's value is not closed") }
        defer { at += 1 }
        return Self.unescape(bytes[start..<at].prefix(Self.maxText))
    }

    private mutating func endTag() throws(Failure) -> Event {
        at += 2
        let element = try name()
        skipBlanks()
        guard at < bytes.count, bytes[at] == UInt8(ascii: ">") else {
            throw failure("an end tag is not closed")
        }
        at += 1
        guard open.popLast() == element else { throw failure("</\(element)> closes nothing") }
        return .end(name: element)
    }

    private mutating func text() throws(Failure) -> String {
        let start = at
        while at < bytes.count, bytes[at] != UInt8(ascii: "<"), at - start < Self.maxText {
            at += 1
        }
        return Self.unescape(bytes[start..<at])
    }

    private mutating func cdata() throws(Failure) -> String {
        at += 9
        let start = at
        try skip(past: "]]>")
        return String(decoding: bytes[start..<(at - 3)], as: UTF8.self)
    }

    /// Undoes the five named entities and character references; others stay as they are.
    private static func unescape(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "&")) else {
            return String(decoding: bytes, as: UTF8.self)
        }
        var result: [UInt8] = []
        var i = bytes.startIndex
        while i < bytes.endIndex {
            guard bytes[i] == UInt8(ascii: "&"),
                let end = bytes[i...].prefix(12).firstIndex(of: UInt8(ascii: ";"))
            else {
                result.append(bytes[i])
                i += 1
                continue
            }
            let entity = String(decoding: bytes[(i + 1)..<end], as: UTF8.self)
            if let character = character(entity) {
                result += String(character).utf8
            } else {
                result += bytes[i...end]
            }
            i = end + 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func character(_ entity: String) -> Character? {
        switch entity {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default: break
        }
        guard entity.hasPrefix("#") else { return nil }
        let digits = entity.dropFirst()
        let number =
            digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        return number.flatMap(Unicode.Scalar.init).map(Character.init)
    }
}
