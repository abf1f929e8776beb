// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching

/// Finds the fields of a line.
struct FieldFinder {
    private enum Form {
        case json
        case logfmt
        case regex(BytePattern, [String: Int])
    }

    private let form: Form
    private static let maxFields = 256

    init(_ parser: PipelineOptions.Parser) throws(PatternError) {
        switch parser {
        case .json: form = .json
        case .logfmt: form = .logfmt
        case .access: form = try Self.expression(Self.access)
        case .regex(let source): form = try Self.expression(source)
        case .pattern(let text): form = try Self.expression(try Self.expression(ofPattern: text))
        }
    }

    private static let access =
        #"^(?P<remote>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "#
        + #""(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" (?P<status>\d{3}) (?P<size>\d+|-)"#
        + #"(?: "(?P<referer>[^"]*)" "(?P<agent>[^"]*)")?"#

    private static func expression(_ source: String) throws(PatternError) -> Form {
        let pattern = try BytePattern(source)
        let names = pattern.groupNames
        return .regex(pattern, Dictionary(names.map { ($0.name, $0.number) }) { first, _ in first })
    }

    /// `<name>` is a group, `<_>` one without a name, everything else is itself.
    private static func expression(ofPattern text: String) throws(PatternError) -> String {
        var result = "^"
        var rest = text[...]
        var last: Character = " "
        while let open = rest.firstIndex(of: "<"),
            let close = rest[open...].firstIndex(of: ">")
        {
            let name = rest[rest.index(after: open)..<close]
            let isName =
                !name.isEmpty
                && name.utf8.allSatisfy { $0 == 0x5f || $0 | 0x20 &- 0x61 < 26 || $0 &- 0x30 < 10 }
            guard isName else {
                result += BytePattern.quoted(String(rest[...open]))
                rest = rest[rest.index(after: open)...]
                continue
            }
            result += BytePattern.quoted(String(rest[..<open]))
            result += name == "_" ? "(?:.*?)" : "(?P<\(name)>.*?)"
            rest = rest[rest.index(after: close)...]
            last = ">"
        }
        guard last == ">" else {
            throw PatternError(description: "the pattern `\(text)` has no <field>")
        }
        return result + BytePattern.quoted(String(rest)) + "$"
    }

    /// The value of a field; nil when the line has none of that name.
    func value(of name: String, in line: UnsafeRawBufferPointer) -> [UInt8]? {
        switch form {
        case .json: return Self.json(line, name)
        case .logfmt: return Self.logfmt(line).first { $0.name == name }?.value
        case .regex(let pattern, let names):
            guard let number = names[name] else { return nil }
            var found: [UInt8]?
            _ = pattern.forEachGroup(in: line) { group, range in
                if group == number, let range { found = Array(line[range]) }
            }
            return found
        }
    }

    /// All fields, for showing them.
    func fields(in line: UnsafeRawBufferPointer) -> [(name: String, value: [UInt8])] {
        switch form {
        case .json:
            guard case .object(let members) = JSONValue(Array(line)) else { return [] }
            return members.sorted { $0.key < $1.key }.prefix(Self.maxFields).map {
                ($0.key, Self.text($0.value))
            }
        case .logfmt: return Self.logfmt(line)
        case .regex(let pattern, let names):
            var found: [(String, [UInt8])] = []
            _ = pattern.forEachGroup(in: line) { group, range in
                guard let range, let name = names.first(where: { $0.value == group }) else {
                    return
                }
                found.append((name.key, Array(line[range])))
            }
            return found
        }
    }

    // MARK: JSON

    private static func json(_ line: UnsafeRawBufferPointer, _ name: String) -> [UInt8]? {
        guard line.first(where: { $0 != 0x20 }) == 0x7b, let value = JSONValue(Array(line)) else {
            return nil
        }
        if case .object(let members) = value, let member = members[name] { return text(member) }
        var found = value
        for part in name.split(separator: ".") {
            guard case .object(let members) = found, let member = members[String(part)] else {
                return nil
            }
            found = member
        }
        return text(found)
    }

    private static func text(_ value: JSONValue) -> [UInt8] {
        switch value {
        case .string(let text): return Array(text.utf8)
        case .bool(let truth): return Array((truth ? "true" : "false").utf8)
        case .null: return []
        case .number(let number):
            return Array((Int64(exactly: number).map { "\($0)" } ?? "\(number)").utf8)
        case .array: return Array("[...]".utf8)
        case .object: return Array("{...}".utf8)
        }
    }

    // MARK: logfmt

    private static func logfmt(_ line: UnsafeRawBufferPointer) -> [(name: String, value: [UInt8])] {
        var fields: [(name: String, value: [UInt8])] = []
        var at = 0
        while at < line.count, fields.count < maxFields {
            while at < line.count, line[at] <= 0x20 { at += 1 }
            let start = at
            while at < line.count, line[at] > 0x20, line[at] != 0x3d { at += 1 }
            guard at > start else { at += 1; continue }
            let name = String(decoding: line[start..<at], as: UTF8.self)
            guard at < line.count, line[at] == 0x3d else { continue }
            at += 1
            fields.append((name, logfmtValue(line, &at)))
        }
        return fields
    }

    private static func logfmtValue(_ line: UnsafeRawBufferPointer, _ at: inout Int) -> [UInt8] {
        var value: [UInt8] = []
        guard at < line.count, line[at] == 0x22 else {
            while at < line.count, line[at] > 0x20 {
                value.append(line[at])
                at += 1
            }
            return value
        }
        at += 1
        while at < line.count, line[at] != 0x22 {
            if line[at] == 0x5c, at + 1 < line.count {
                at += 1
                value.append(line[at] == 0x6e ? 0x0a : line[at] == 0x74 ? 0x09 : line[at])
            } else {
                value.append(line[at])
            }
            at += 1
        }
        at += 1
        return value
    }
}
