// SPDX-License-Identifier: Apache-2.0

import Codecs

/// The way to a member of a JSON document: `request.headers["User-Agent"]`, `servers[0]`.
struct JSONPath: Sendable {
    enum Part: Sendable {
        case key(String)
        case index(Int)
    }

    private(set) var parts: [Part] = []

    /// Reads a path; nil when it is none.
    init?(_ source: String) {
        let bytes = Array(source.utf8)
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "[") {
                guard let part = Self.bracketed(bytes, &at) else { return nil }
                parts.append(part)
                continue
            }
            if bytes[at] == UInt8(ascii: "."), !parts.isEmpty { at += 1 }
            let start = at
            while at < bytes.count, bytes[at] != UInt8(ascii: "."), bytes[at] != UInt8(ascii: "["),
                bytes[at] != UInt8(ascii: "]")
            { at += 1 }
            guard at > start else { return nil }
            parts.append(.key(String(decoding: bytes[start..<at], as: UTF8.self)))
        }
        guard (1...JSONValue.maxDepth).contains(parts.count) else { return nil }
    }

    /// `["key"]` or `[0]`.
    private static func bracketed(_ bytes: [UInt8], _ at: inout Int) -> Part? {
        at += 1
        var part: Part
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
            var key: [UInt8] = []
            at += 1
            while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                if bytes[at] == UInt8(ascii: "\\"), at + 1 < bytes.count { at += 1 }
                key.append(bytes[at])
                at += 1
            }
            guard at < bytes.count else { return nil }
            at += 1
            part = .key(String(decoding: key, as: UTF8.self))
        } else {
            let start = at
            while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
            guard let index = Int(String(decoding: bytes[start..<at], as: UTF8.self)) else {
                return nil
            }
            part = .index(index)
        }
        guard at < bytes.count, bytes[at] == UInt8(ascii: "]") else { return nil }
        at += 1
        return part
    }
}
