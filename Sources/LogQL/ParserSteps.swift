// SPDX-License-Identifier: Apache-2.0

import Matching
import PromQL

/// Labels that are of use to what follows; a parser leaves out all others.
struct WantedLabels: Sendable {
    /// nil for all.
    var names: Set<String>?

    func contains(_ name: String) -> Bool {
        names.map { $0.contains(name) || $0.contains(name + "_extracted") } ?? true
    }
}

/// `json`
struct JSONStep: PipelineStep {
    private let extractions: [(label: String, path: JSONPath)]
    private let wanted: WantedLabels

    init(_ extractions: [Extraction], _ wanted: WantedLabels) {
        // The parser has read the paths before.
        self.extractions = extractions.compactMap { extraction in
            JSONPath(extraction.source).map { (extraction.label, $0) }
        }
        self.wanted = wanted
    }

    func run(_ line: LineState) -> Bool {
        var scanner = JSONScanner(line.bytes)
        let isWhole: Bool
        if extractions.isEmpty {
            isWhole =
                scanner.kind() == .object && flatten(&scanner, line, [], depth: 0)
                && scanner.isAtEnd()
        } else {
            isWhole = scanner.skipValue() != nil && scanner.isAtEnd()
            if isWhole {
                for (label, path) in extractions where wanted.contains(label) {
                    line.labels.extract(label, path.value(in: line.bytes) ?? "")
                }
            }
        }
        if !isWhole { line.labels.fail("JSONParserErr", "the line is no JSON object") }
        return true
    }

    /// Makes labels of an object's members; those of objects within are joined by `_`, lists are
    /// left out.
    private func flatten(
        _ scanner: inout JSONScanner, _ line: LineState, _ prefix: [UInt8], depth: Int
    ) -> Bool {
        guard depth < 64 else { return false }
        return scanner.members { scanner, name in
            var path = prefix
            if !path.isEmpty { path.append(UInt8(ascii: "_")) }
            path += scanner.text(name).utf8
            switch scanner.kind() {
            case .object: return flatten(&scanner, line, path, depth: depth + 1)
            case .array, .null: return scanner.skipValue() != nil
            case nil: return false
            default:
                guard let range = scanner.skipValue() else { return false }
                let label = LabelName.plain(path)
                if !label.isEmpty, wanted.contains(label) {
                    line.labels.extract(label, scanner.label(range))
                }
                return true
            }
        }
    }
}

extension JSONPath {
    /// The value this leads to, as a label has it.
    func value(in bytes: UnsafeRawBufferPointer) -> String? {
        var scanner = JSONScanner(bytes)
        var place: Range<Int>?
        for part in parts {
            var found: Int?
            switch part {
            case .key(let key):
                _ = scanner.members { scanner, name in
                    if found == nil, scanner.text(name) == key { found = scanner.at }
                    return scanner.skipValue() != nil
                }
            case .index(let index):
                _ = scanner.elements { scanner, number in
                    if number == index { found = scanner.at }
                    return scanner.skipValue() != nil
                }
            }
            guard let found else { return nil }
            scanner = JSONScanner(bytes, at: found)
            var end = scanner
            place = end.skipValue()
        }
        guard let place, scanner.kind() != .null else { return nil }
        return scanner.label(place)
    }
}

/// `unpack`: members that are texts become labels, `_entry` the line.
struct UnpackStep: PipelineStep {
    func run(_ line: LineState) -> Bool {
        var scanner = JSONScanner(line.bytes)
        var entry: String?
        let isWhole =
            scanner.kind() == .object
            && scanner.members { scanner, name in
                guard scanner.kind() == .string else { return scanner.skipValue() != nil }
                guard let value = scanner.string() else { return false }
                let key = scanner.text(name)
                if key == "_entry" {
                    entry = scanner.text(value)
                } else {
                    line.labels.extract(LabelName.plain(key.utf8), scanner.text(value))
                }
                return true
            }
        if isWhole {
            if let entry { line.replace(entry.utf8) }
        } else {
            line.labels.fail("JSONParserErr", "the line is no packed JSON object")
        }
        return true
    }
}

/// `regexp`
struct RegexpStep: PipelineStep {
    private let pattern: BytePattern
    private let names: [String?]

    init(_ source: String, _ wanted: WantedLabels) throws(PatternError) {
        pattern = try BytePattern(source)
        var names: [String?] = []
        for group in pattern.groupNames where wanted.contains(group.name) {
            while names.count <= group.number { names.append(nil) }
            names[group.number] = group.name
        }
        self.names = names
    }

    func run(_ line: LineState) -> Bool {
        let bytes = line.bytes
        _ = pattern.forEachGroup(in: bytes) { number, range in
            guard number < names.count, let name = names[number], let range else { return }
            line.labels.extract(name, String(decoding: bytes[range], as: UTF8.self))
        }
        return true
    }
}

/// `pattern`
struct PatternStep: PipelineStep {
    private let pattern: LinePattern
    private let wanted: WantedLabels

    init(_ source: String, _ wanted: WantedLabels) throws(PatternError) {
        pattern = try LinePattern(source, allowsNames: true)
        self.wanted = wanted
    }

    func run(_ line: LineState) -> Bool {
        let bytes = line.bytes
        pattern.forEachCapture(in: bytes) { name, range in
            guard wanted.contains(name) else { return }
            line.labels.extract(name, String(decoding: bytes[range], as: UTF8.self))
        }
        return true
    }
}

/// `decolorize`: removes ANSI's escape sequences that set colours and styles.
struct DecolorizeStep: PipelineStep {
    func run(_ line: LineState) -> Bool {
        let bytes = line.bytes
        guard bytes.contains(0x1b) else { return true }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0x1b, let end = Self.end(bytes, at) {
                at = end
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        line.replace(result)
        return true
    }

    /// Where the sequence ends that begins at `start`; nil when there is none.
    private static func end(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> Int? {
        guard start + 1 < bytes.count, bytes[start + 1] == UInt8(ascii: "[") else { return nil }
        var at = start + 2
        while at < bytes.count, (0x20...0x3f).contains(bytes[at]) { at += 1 }
        guard at < bytes.count, (0x40...0x7e).contains(bytes[at]) else { return nil }
        return at + 1
    }
}
