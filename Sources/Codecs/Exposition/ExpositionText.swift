// SPDX-License-Identifier: Apache-2.0

public import Model

/// The Prometheus text format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/).
public enum ExpositionText {
    /// Appends `# HELP` and `# TYPE` of a family.
    public static func appendHeader(_ metric: MetricDescriptor, to output: inout [UInt8]) {
        output += "# HELP ".utf8
        output += metric.name.utf8
        output.append(0x20)
        for byte in metric.help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): output += "\\\\".utf8
            case UInt8(ascii: "\n"): output += "\\n".utf8
            default: output.append(byte)
            }
        }
        output += "\n# TYPE ".utf8
        output += metric.name.utf8
        output.append(0x20)
        output += (metric.type == .unknown ? "untyped" : metric.type.rawValue).utf8
        output.append(0x0a)
    }

    /// The start of a sample's line, up to the blank before the value, for `labels` without a
    /// metric name.
    public static func linePrefix(name: String, labels: Labels) -> [UInt8] {
        var output = Array(name.utf8)
        guard !labels.isEmpty else { return output + [0x20] }
        output.append(UInt8(ascii: "{"))
        for (i, label) in labels.pairs.enumerated() {
            if i > 0 { output.append(UInt8(ascii: ",")) }
            output += label.name.utf8
            output += "=\"".utf8
            appendEscaped(label.value, to: &output)
            output.append(UInt8(ascii: "\""))
        }
        output += "} ".utf8
        return output
    }

    /// Appends a number as the format spells it. Whole numbers have no fraction.
    @inline(__always)
    public static func append(_ value: Double, to output: inout [UInt8]) {
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53,
            whole != 0 || value.sign == .plus
        {
            append(whole, to: &output)
        } else if value.isNaN {
            output += "NaN".utf8
        } else if value.isInfinite {
            output += (value < 0 ? "-Inf" : "+Inf").utf8
        } else {
            // The shortest digits that read back as the same value; short texts do not allocate.
            output += value.description.utf8
        }
    }

    private static func append(_ value: Int64, to output: inout [UInt8]) {
        if value < 0 { output.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = output.count
        repeat {
            output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        var low = start
        var high = output.count - 1
        while low < high {
            output.swapAt(low, high)
            low += 1
            high -= 1
        }
    }

    private static func appendEscaped(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): output += "\\\\".utf8
            case UInt8(ascii: "\""): output += "\\\"".utf8
            case UInt8(ascii: "\n"): output += "\\n".utf8
            default: output.append(byte)
            }
        }
    }
}
