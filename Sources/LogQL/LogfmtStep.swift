// SPDX-License-Identifier: Apache-2.0

import PromQL

/// `logfmt`: `key=value key="quoted value" key`.
struct LogfmtStep: PipelineStep {
    private let isStrict: Bool
    private let keepsEmpty: Bool
    /// The labels that a key gives, when they are named.
    private let labels: [String: [String]]
    private let wanted: WantedLabels

    init(
        isStrict: Bool, keepsEmpty: Bool, _ extractions: [Extraction], _ wanted: WantedLabels
    ) {
        self.isStrict = isStrict
        self.keepsEmpty = keepsEmpty
        self.wanted = wanted
        labels = Dictionary(grouping: extractions, by: \.source).mapValues { $0.map(\.label) }
    }

    func run(_ line: LineState) -> Bool {
        let bytes = line.bytes
        var at = 0
        while at < bytes.count {
            while at < bytes.count, bytes[at] <= 0x20 { at += 1 }
            let start = at
            while at < bytes.count, bytes[at] > 0x20, bytes[at] != UInt8(ascii: "="),
                bytes[at] != UInt8(ascii: "\"")
            { at += 1 }
            let key = start..<at
            var value = ""
            var mistake: String?
            if at < bytes.count, bytes[at] == UInt8(ascii: "=") {
                at += 1
                if key.isEmpty { mistake = "a value without key" }
                if let text = Self.value(bytes, &at) {
                    if !key.isEmpty, isWanted(bytes, key) { value = text }
                } else {
                    mistake = "a quoted value that does not end"
                }
            } else if at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
                mistake = "a quote in a key"
                at += 1
            }
            if let mistake {
                if isStrict {
                    line.labels.fail("LogfmtParserErr", "logfmt: \(mistake) at byte \(start)")
                    return true
                }
                continue
            }
            guard !key.isEmpty, keepsEmpty || !value.isEmpty else { continue }
            set(bytes, key, value, line)
        }
        return true
    }

    private func isWanted(_ bytes: UnsafeRawBufferPointer, _ key: Range<Int>) -> Bool {
        if labels.isEmpty { return wanted.names == nil || wanted.contains(name(bytes, key)) }
        return labels[String(decoding: bytes[key], as: UTF8.self)] != nil
    }

    private func name(_ bytes: UnsafeRawBufferPointer, _ key: Range<Int>) -> String {
        LabelName.plain(UnsafeRawBufferPointer(rebasing: bytes[key]))
    }

    private func set(
        _ bytes: UnsafeRawBufferPointer, _ key: Range<Int>, _ value: String, _ line: LineState
    ) {
        guard labels.isEmpty else {
            for label in labels[String(decoding: bytes[key], as: UTF8.self)] ?? [] {
                line.labels.extract(label, value)
            }
            return
        }
        let name = name(bytes, key)
        if wanted.contains(name) { line.labels.extract(name, value) }
    }

    /// The value at `at`, which is moved behind it; nil when a quote does not end.
    private static func value(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int
    ) -> String? {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
            let start = at
            while at < bytes.count, bytes[at] > 0x20 { at += 1 }
            return String(decoding: bytes[start..<at], as: UTF8.self)
        }
        at += 1
        var result: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: result, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\"), at < bytes.count else {
                result.append(byte)
                continue
            }
            switch bytes[at] {
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result.append(bytes[at])
            default: result += [byte, bytes[at]]
            }
            at += 1
        }
        return nil
    }
}
