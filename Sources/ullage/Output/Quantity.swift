// SPDX-License-Identifier: Apache-2.0

/// Numbers as people read them. JSON output never uses these: it carries base units.
enum Quantity {
    /// What stands for an unknown value.
    static let unknown = "-"

    /// Bytes in binary units with three digits: `12.3MiB`.
    static func bytes(_ count: Int64?) -> String {
        guard let count else { return unknown }
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var value = Double(count)
        var unit = 0
        while abs(value) >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return unit == 0
            ? "\(count)B" : decimal(value, value < 10 ? 2 : value < 100 ? 1 : 0) + units[unit]
    }

    /// A ratio as a percentage: `12.3%`.
    static func percent(_ ratio: Double?) -> String {
        guard let ratio, ratio.isFinite else { return unknown }
        return decimal(ratio * 100, 1) + "%"
    }

    /// Seconds in the two largest units: `2h05m`, `38s`.
    static func duration(_ seconds: Double?) -> String {
        guard let seconds, seconds.isFinite, seconds >= 0 else { return unknown }
        guard seconds < 1e9 else { return ">30y" }
        let s = Int(seconds.rounded())
        switch s {
        case ..<60: return "\(s)s"
        case ..<3600: return "\(s / 60)m\(two(s % 60))s"
        case ..<86400: return "\(s / 3600)h\(two(s % 3600 / 60))m"
        default: return "\(s / 86400)d\(two(s % 86400 / 3600))h"
        }
    }

    /// A count per second: `12.5/s`.
    static func rate(_ perSecond: Double?) -> String {
        guard let perSecond, perSecond.isFinite else { return unknown }
        return decimal(perSecond, perSecond < 100 ? 1 : 0) + "/s"
    }

    /// A value with a fixed number of decimals (0 to 3).
    static func decimal(_ value: Double, _ places: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = [1.0, 10.0, 100.0, 1000.0][min(max(places, 0), 3)]
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % Int64(scale))
        let padding = String(repeating: "0", count: places - fraction.count)
        return "\(sign)\(scaled / Int64(scale)).\(padding)\(fraction)"
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
