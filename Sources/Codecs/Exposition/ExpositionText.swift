// SPDX-License-Identifier: Apache-2.0

public import Model

/// The Prometheus text formats 0.0.4 and 1.0.0
/// (https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics 1.0
/// (https://prometheus.io/docs/specs/om/open_metrics_spec/). A sample's line is the same in all of
/// them, so it is rendered once; names with other than ASCII letters, digits and `_` are escaped by
/// underscores, and the content type says so.
public enum ExpositionText {
    /// Appends `# HELP` and `# TYPE` of a family, and in OpenMetrics `# UNIT` where the name ends
    /// with the unit, as that format demands.
    ///
    /// There a counter's family is called without `_total`. A counter of another name, or whose
    /// family would be called as another metric is (`isNameTaken`), is of unknown type.
    public static func appendHeader(
        _ metric: MetricDescriptor, format: ExpositionFormat = .text004,
        isNameTaken: (String) -> Bool = { _ in false }, to output: inout [UInt8]
    ) {
        var name = metric.name
        var type = metric.type.rawValue
        if format.isOpenMetrics {
            if metric.type == .counter {
                let stem = String(name.dropLast(6))
                if name.hasSuffix("_total"), !isNameTaken(stem) {
                    name = stem
                } else {
                    type = MetricType.unknown.rawValue
                }
            }
        } else if metric.type == .unknown {
            type = "untyped"
        }
        name = legacy(name, allowingColon: true)
        output += "# HELP \(name) ".utf8
        for byte in metric.help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): output += "\\\\".utf8
            case UInt8(ascii: "\n"): output += "\\n".utf8
            case UInt8(ascii: "\"") where format.isOpenMetrics: output += "\\\"".utf8
            default: output.append(byte)
            }
        }
        output += "\n# TYPE \(name) \(type)\n".utf8
        if format.isOpenMetrics, !metric.unit.isEmpty, name.hasSuffix("_" + metric.unit) {
            output += "# UNIT \(name) \(metric.unit)\n".utf8
        }
    }

    /// A name with what the formats do not allow unquoted replaced by underscores.
    static func legacy(_ name: String, allowingColon: Bool) -> String {
        func isAllowed(_ scalar: Unicode.Scalar, first: Bool) -> Bool {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": true
            case "0"..."9": !first
            case ":": allowingColon
            default: false
            }
        }
        let scalars = name.unicodeScalars
        if scalars.enumerated().allSatisfy({ isAllowed($1, first: $0 == 0) }), !name.isEmpty {
            return name
        }
        var result = name.isEmpty ? "_" : ""
        for (i, scalar) in scalars.enumerated() {
            if isAllowed(scalar, first: i == 0) {
                result.unicodeScalars.append(scalar)
            } else if i == 0, isAllowed(scalar, first: false) {
                result += "_\(scalar)"
            } else {
                result += "_"
            }
        }
        return result
    }

    /// Appends a metric's name as the text formats write it.
    public static func appendName(_ name: String, to output: inout [UInt8]) {
        output += legacy(name, allowingColon: true).utf8
    }

    /// The start of a sample's line, up to the blank before the value, for `labels` without a
    /// metric name.
    public static func linePrefix(name: String, labels: Labels) -> [UInt8] {
        var output = name.isEmpty ? [] : Array(legacy(name, allowingColon: true).utf8)
        guard !labels.isEmpty else { return output + [0x20] }
        output.append(UInt8(ascii: "{"))
        var seen: Set<String> = []
        for (i, label) in labels.pairs.enumerated() {
            if i > 0 { output.append(UInt8(ascii: ",")) }
            // Two names that differ only in what is escaped stay two.
            var name = legacy(label.name, allowingColon: false)
            while !seen.insert(name).inserted { name += "_" }
            output += name.utf8
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
