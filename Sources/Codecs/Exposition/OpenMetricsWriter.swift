// SPDX-License-Identifier: Apache-2.0

public import Model

/// Writes samples with their times as OpenMetrics 1.0.
public enum OpenMetricsWriter {
    /// The line that ends a text.
    public static let end = Array("# EOF\n".utf8)

    /// The start of a series' lines, up to the blank before the value. Names that the classic
    /// syntax cannot spell are quoted.
    public static func linePrefix(_ labels: Labels) -> [UInt8] {
        let name = labels[Labels.metricName]
        let isPlain = isPlain(name, allowsColon: true)
        var output: [UInt8] = isPlain ? Array(name.utf8) : []
        var parts: [[UInt8]] = []
        if !isPlain { parts.append(quoted(name)) }
        for label in labels.pairs where label.name != Labels.metricName {
            let plain = self.isPlain(label.name, allowsColon: false)
            let key = plain ? Array(label.name.utf8) : quoted(label.name)
            parts.append(key + [UInt8(ascii: "=")] + quoted(label.value))
        }
        if !parts.isEmpty {
            output.append(UInt8(ascii: "{"))
            output += parts.joined(separator: [UInt8(ascii: ",")])
            output.append(UInt8(ascii: "}"))
        }
        output.append(0x20)
        return output
    }

    /// Appends a line: `prefix`, the value, and the time in seconds.
    public static func append(
        prefix: [UInt8], value: Double, timestamp: Milliseconds, to output: inout [UInt8]
    ) {
        output += prefix
        ExpositionText.append(value, to: &output)
        output.append(0x20)
        appendSeconds(timestamp, to: &output)
        output.append(0x0a)
    }

    /// Appends a time in seconds with three decimals.
    public static func appendSeconds(_ timestamp: Milliseconds, to output: inout [UInt8]) {
        if timestamp < 0 { output.append(UInt8(ascii: "-")) }
        let (seconds, fraction) = timestamp.magnitude.quotientAndRemainder(dividingBy: 1000)
        output += String(seconds).utf8
        output.append(UInt8(ascii: "."))
        for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] {
            output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit))
        }
    }

    private static func isPlain(_ name: String, allowsColon: Bool) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: byte == UInt8(ascii: ":") && allowsColon
            }
        }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var output = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): output += "\\\\".utf8
            case UInt8(ascii: "\""): output += "\\\"".utf8
            case UInt8(ascii: "\n"): output += "\\n".utf8
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
        return output
    }
}
