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

    /// The start of a sample's line, up to the blank before the value, for `labels` without a
    /// metric name.
    public static func linePrefix(name: String, labels: Labels) -> [UInt8] {
        lineStart(name: name, labels: labels) + (labels.isEmpty ? " " : "} ").utf8
    }

    /// The same without what closes it, so that more labels can follow: `NAME` or `NAME{A="x"`.
    public static func lineStart(name: String, labels: Labels) -> [UInt8] {
        var output = name.isEmpty ? [] : Array(legacy(name, allowingColon: true).utf8)
        guard !labels.isEmpty else { return output }
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
        return output
    }

    /// Whether a label of one set is written as one of the other is.
    public static func hasOverlap(_ a: Labels, _ b: Labels) -> Bool {
        a.pairs.contains { one in
            let name = legacy(one.name, allowingColon: false)
            return b.pairs.contains { legacy($0.name, allowingColon: false) == name }
        }
    }

    /// Appends a number as the format spells it. Whole numbers have no fraction.
    public static func append(_ value: Double, to output: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: ExpositionNumber.capacity, alignment: 1) {
            let count = ExpositionNumber.write(value, to: $0)
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<count]))
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
