// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// Writes JSON straight to bytes.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []

    mutating func bytesAppend(_ more: [UInt8]) { bytes += more }

    mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes += $0 }
    }

    /// A string (RFC 8259, section 7). `<`, `>` and `&` are escaped too, as Go does.
    mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
                let digits = Array("0123456789abcdef".utf8)
                bytes += "\\u00".utf8
                bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// A list with commas between.
    mutating func list<T>(_ items: some Sequence<T>, _ write: (inout JSONWriter, T) -> Void) {
        raw("[")
        var isFirst = true
        for item in items {
            if !isFirst { raw(",") }
            isFirst = false
            write(&self, item)
        }
        raw("]")
    }

    /// Labels as an object.
    mutating func labels(_ labels: Labels) {
        raw("{")
        for (i, label) in labels.pairs.enumerated() {
            if i > 0 { raw(",") }
            string(label.name)
            raw(":")
            string(label.value)
        }
        raw("}")
    }

    /// A number, or null.
    mutating func number(_ value: Double?) {
        guard let value, value.isFinite else { return raw("null") }
        bytes += Self.text(value).utf8
    }

    /// `[seconds, "value"]`, as Prometheus writes a point.
    mutating func point(_ point: Point) {
        raw("[")
        let (seconds, rest) = point.timestamp.quotientAndRemainder(dividingBy: 1000)
        bytes += (point.timestamp < 0 && seconds == 0 ? "-0" : "\(seconds)").utf8
        if rest != 0 {
            let digits = String(1000 + abs(rest)).dropFirst()
            bytes += ".".utf8
            bytes += digits.utf8
        }
        raw(",\"")
        bytes += Self.text(point.value).utf8
        raw("\"]")
    }

    /// A value in Prometheus' spelling.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return "\(whole)" }
        return value.description
    }
}
