// SPDX-License-Identifier: Apache-2.0

extension Pattern {
    /// Where the groups of the first match within `bytes` from `start` on are, the whole first; nil
    /// when nothing matches.
    public func find(in bytes: [UInt8], from start: Int = 0) -> [Range<Int>?]? {
        guard start <= bytes.count else { return nil }
        return groups(in: bytes, from: start, isAnchored: false)
    }

    /// `text` with every match replaced by `template`, in which `$1`, `${1}` and `${name}` are
    /// groups and `$$` a dollar sign: Go's `Regexp.ReplaceAllString`.
    public func replacingAll(in text: String, with template: String) -> String {
        let bytes = Array(text.utf8)
        let replacement = Array(template.utf8)
        var result: [UInt8] = []
        var (search, last) = (0, 0)
        while search <= bytes.count, let groups = find(in: bytes, from: search),
            let whole = groups[0]
        {
            result += bytes[last..<whole.lowerBound]
            // Not an empty match right after another match.
            if whole.upperBound > last || whole.lowerBound == 0 {
                expand(replacement, groups, bytes, into: &result)
            }
            last = whole.upperBound
            let width = Self.width(bytes, search)
            // At least one character on, and one past the end to finish.
            search = max(search + max(width, 1), whole.upperBound)
        }
        return String(decoding: result + bytes[last...], as: UTF8.self)
    }

    /// Bytes of the character at `at`.
    private static func width(_ bytes: [UInt8], _ at: Int) -> Int {
        guard at < bytes.count else { return 0 }
        var next = at + 1
        while next < bytes.count, bytes[next] & 0xc0 == 0x80 { next += 1 }
        return next - at
    }

    private func expand(
        _ template: [UInt8], _ groups: [Range<Int>?], _ bytes: [UInt8], into result: inout [UInt8]
    ) {
        var at = 0
        while at < template.count {
            guard template[at] == UInt8(ascii: "$"), at + 1 < template.count else {
                result.append(template[at])
                at += 1
                continue
            }
            if template[at + 1] == UInt8(ascii: "$") {
                result.append(UInt8(ascii: "$"))
                at += 2
                continue
            }
            let isBraced = template[at + 1] == UInt8(ascii: "{")
            let start = at + (isBraced ? 2 : 1)
            var end = start
            while end < template.count, Self.isWord(template[end]) { end += 1 }
            let isClosed = !isBraced || (end < template.count && template[end] == 0x7d)
            guard end > start, isClosed else {
                result.append(template[at])
                at += 1
                continue
            }
            let name = String(decoding: template[start..<end], as: UTF8.self)
            let number =
                name.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(name) : group(named: name)
            if let number, number < groups.count, let range = groups[number] {
                result += bytes[range]
            }
            at = end + (isBraced ? 1 : 0)
        }
    }

    private static func isWord(_ c: UInt8) -> Bool {
        c == UInt8(ascii: "_") || (0x30...0x39).contains(c) || (0x41...0x5a).contains(c & 0xdf)
            || c >= 0x80
    }
}
