// SPDX-License-Identifier: Apache-2.0

public import Model

/// Writes JSON straight to bytes.
public struct JSONWriter: Sendable {
    /// What was written.
    public var bytes: [UInt8] = []

    /// Nothing written.
    public init() {}

    /// Makes room for about so many bytes more.
    public mutating func reserve(_ count: Int) {
        bytes.reserveCapacity(bytes.count + min(max(count, 0), 64 << 20))
    }

    /// JSON as it is.
    @inlinable
    public mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes += $0 }
    }

    /// JSON that was written before.
    @inlinable
    public mutating func raw(bytes more: [UInt8]) { bytes += more }

    /// A string (RFC 8259, section 7). `<`, `>` and `&` are escaped too, as Go does.
    public mutating func string(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            for i in utf8.indices where Self.isEscaped(utf8[i]) {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<i]))
                escape(utf8[i])
                start = i + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    @inline(__always)
    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
            || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "&")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x0a: bytes += "\\n".utf8
        case 0x0d: bytes += "\\r".utf8
        case 0x09: bytes += "\\t".utf8
        default:
            bytes += "\\u00".utf8
            bytes.append(Self.hexDigit(byte >> 4))
            bytes.append(Self.hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x61 + value - 10
    }

    /// A list with commas between.
    @inlinable
    public mutating func list<T>(
        _ items: some Sequence<T>, _ write: (inout Self, T) throws -> Void
    ) rethrows {
        raw("[")
        var isFirst = true
        for item in items {
            if !isFirst { raw(",") }
            isFirst = false
            try write(&self, item)
        }
        raw("]")
    }

    /// A list of strings.
    public mutating func strings(_ items: some Sequence<String>) { list(items) { $0.string($1) } }

    /// An object of strings.
    public mutating func object(_ pairs: some Sequence<(String, String)>) {
        raw("{")
        var isFirst = true
        for (name, value) in pairs {
            if !isFirst { raw(",") }
            isFirst = false
            string(name)
            raw(":")
            string(value)
        }
        raw("}")
    }

    /// Labels as an object.
    public mutating func labels(_ labels: Labels) {
        object(labels.pairs.lazy.map { ($0.name, $0.value) })
    }

    /// A number, or null.
    public mutating func number(_ value: Double?) {
        guard let value, value.isFinite else { return raw("null") }
        NumberText.appendJSON(value, to: &bytes)
    }

    /// A whole number.
    public mutating func integer(_ value: Int64) { NumberText.append(value, to: &bytes) }

    /// `[seconds, "value"]`, as Prometheus writes a point.
    public mutating func point(_ timestamp: Milliseconds, _ value: Double) {
        raw("[")
        time(timestamp)
        raw(",\"")
        NumberText.appendJSON(value, to: &bytes)
        raw("\"]")
    }

    /// A value as points have it, without the quotes.
    public mutating func value(_ value: Double) { NumberText.appendJSON(value, to: &bytes) }

    /// A scalar, whose value Prometheus never writes with an exponent.
    public mutating func scalar(_ timestamp: Milliseconds, _ value: Double) {
        raw("[")
        time(timestamp)
        raw(",\"")
        NumberText.appendPlain(value, to: &bytes)
        raw("\"]")
    }

    /// Seconds, with three decimals when there are milliseconds.
    public mutating func time(_ time: Milliseconds) {
        let (seconds, rest) = time.magnitude.quotientAndRemainder(dividingBy: 1000)
        if time < 0 { bytes.append(UInt8(ascii: "-")) }
        NumberText.append(Int64(seconds), to: &bytes)
        guard rest != 0 else { return }
        bytes.append(UInt8(ascii: "."))
        bytes.append(0x30 + UInt8(rest / 100))
        bytes.append(0x30 + UInt8(rest / 10 % 10))
        bytes.append(0x30 + UInt8(rest % 10))
    }
}
