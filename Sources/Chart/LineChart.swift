// SPDX-License-Identifier: Apache-2.0

/// A line chart of series over time as lines of text for a terminal.
///
/// It owns nothing: points go in, lines come out. Labels must have been made harmless to a
/// terminal by the caller. Values that are not finite are gaps.
public struct LineChart: Sendable {
    /// One line of the chart.
    public struct Series: Sendable {
        /// What the legend calls it.
        public var label: String
        /// Times in seconds since the epoch, ascending, and values.
        public var points: [(time: Double, value: Double)]

        /// A series of these points.
        public init(label: String, points: [(time: Double, value: Double)]) {
            self.label = label
            self.points = points
        }
    }

    /// How to draw.
    public struct Style: Sendable {
        /// Columns of the terminal.
        public var width = 80
        /// Rows of the plot, without axis and legend.
        public var height = 15
        /// Whether to keep to ASCII.
        public var ascii = false
        /// Whether to colour.
        public var colour = false
        /// How values are written.
        public var unit = Unit.number
        /// Seconds between two points; a longer pause is a gap. 0 joins everything.
        public var step = 0.0
        /// Series drawn; the others are counted.
        public var maxSeries = 12

        /// The defaults above.
        public init() {}
    }

    static let reset = "\u{1b}[0m"
    /// Colours that are told apart on light and dark grounds, and by most who see fewer.
    private static let palette = [34, 33, 32, 35, 36, 31, 94, 93, 92, 95, 96, 91].map {
        "\u{1b}[\($0)m"
    }
    private static let marks: [Character] = Array("*+xo#@%&=^~$")

    private let series: [Series]
    private let hidden: Int
    private let style: Style

    /// A chart of `series` within the time from `start` to `end`.
    public init(_ series: [Series], style: Style, start: Double? = nil, end: Double? = nil) {
        self.series = Array(series.prefix(style.maxSeries))
        hidden = series.count - self.series.count
        self.style = style
        let times = self.series.flatMap(\.points).map(\.time).filter(\.isFinite)
        let values = self.series.flatMap(\.points).map(\.value).filter(\.isFinite)
        firstTime = start ?? times.min() ?? 0
        lastTime = max(end ?? times.max() ?? 0, firstTime)
        (low, high) = Self.bounds(values)
    }

    private let firstTime: Double
    private let lastTime: Double
    private let low: Double
    private let high: Double

    /// Zero belongs to the axis unless the values are far from it. The two differ, and are finite.
    private static func bounds(_ values: [Double]) -> (Double, Double) {
        guard var low = values.min(), var high = values.max() else { return (0, 1) }
        if low == high {
            let margin = low == 0 ? 1 : max(abs(low) * 0.1, 1e-300)
            if low != 0 { low -= margin }
            high += margin
        }
        if low > 0, low < (high - low) * 2 { low = 0 }
        if high < 0, -high < (high - low) * 2 { high = 0 }
        let most = Double.greatestFiniteMagnitude
        return (max(low, -most), min(high, most))
    }

    /// Where `value` lies between the bounds, from 0 to 1, also where their distance is beyond
    /// the largest number.
    private static func share(of value: Double, from low: Double, to high: Double) -> Double {
        guard high > low else { return 0 }
        let span = high - low
        let share =
            span.isFinite ? (value - low) / span : (value / 2 - low / 2) / (high / 2 - low / 2)
        return min(max(share, 0), 1)
    }

    /// The lines, none wider than the style says (20 columns at least).
    public func lines() -> [String] {
        guard series.contains(where: { $0.points.contains { $0.value.isFinite } }) else {
            return ["no data"]
        }
        let rows = max(2, style.height)
        let ticks = Ticks.values(
            from: low, to: high, count: max(2, rows / 3),
            binary: style.unit == .bytes || style.unit == .bytesPerSecond)
        var labels: [Int: String] = [:]
        for tick in ticks {
            labels[row(of: tick, rows: rows)] = ascii(style.unit.text(tick))
        }
        let margin = min(labels.values.map(\.count).max() ?? 0, max(4, style.width / 3))
        let columns = max(8, style.width - margin - 2)
        let canvas = drawn(columns: columns, rows: rows)
        var lines: [String] = []
        for row in 0..<rows {
            let label = String((labels[row] ?? "").prefix(margin))
            let padding = String(repeating: " ", count: margin - label.count)
            let axis = style.ascii ? "|" : labels[row] == nil ? "│" : "┤"
            let palette = style.colour ? Self.palette : []
            lines.append(
                trimmed(
                    padding + label + " " + axis
                        + canvas.row(row, palette: palette, marks: Self.marks)))
        }
        return lines + timeAxis(margin: margin, columns: columns) + legend()
    }

    private func drawn(columns: Int, rows: Int) -> Canvas {
        var canvas = Canvas(columns: columns, rows: rows, ascii: style.ascii)
        for (index, one) in series.enumerated() {
            var previous: (x: Int, y: Int, time: Double)?
            for point in one.points {
                guard point.value.isFinite, point.time >= firstTime, point.time <= lastTime else {
                    previous = nil
                    continue
                }
                let across =
                    Self.share(of: point.time, from: firstTime, to: lastTime)
                    * Double(canvas.width - 1)
                let up =
                    Self.share(of: point.value, from: low, to: high) * Double(canvas.height - 1)
                let place = (Int(across.rounded()), canvas.height - 1 - Int(up.rounded()))
                if let last = previous,
                    style.step <= 0 || point.time - last.time <= style.step * 1.5
                {
                    canvas.line(from: (last.x, last.y), to: place, series: index)
                } else {
                    canvas.set(place.0, place.1, series: index)
                }
                previous = (place.0, place.1, point.time)
            }
        }
        return canvas
    }

    private func row(of value: Double, rows: Int) -> Int {
        let share = Self.share(of: value, from: low, to: high)
        return rows - 1 - Int((share * Double(rows - 1)).rounded())
    }

    /// The line below the plot, with a mark at each round time, and the times below that.
    private func timeAxis(margin: Int, columns: Int) -> [String] {
        var axis = Array(repeating: Character(style.ascii ? "-" : "─"), count: columns)
        var text = Array(repeating: Character(" "), count: columns)
        var free = 0
        for tick in Ticks.times(from: firstTime, to: lastTime, count: max(1, columns / 12)) {
            let share = Self.share(of: tick.time, from: firstTime, to: lastTime)
            let at = Int((share * Double(columns - 1)).rounded())
            axis[at] = style.ascii ? "+" : "┬"
            let start = max(0, min(at - tick.text.count / 2, columns - tick.text.count))
            guard start >= free, start + tick.text.count <= columns else { continue }
            text.replaceSubrange(start..<(start + tick.text.count), with: tick.text)
            free = start + tick.text.count + 1
        }
        let blank = String(repeating: " ", count: margin + 1)
        return [
            blank + (style.ascii ? "+" : "└") + String(axis), trimmed(blank + " " + String(text)),
        ]
    }

    /// Each series with its colour or mark and its newest value.
    private func legend() -> [String] {
        var lines: [String] = []
        for (index, one) in series.enumerated() {
            let newest = one.points.last { $0.value.isFinite }
            let value = newest.map { ascii(style.unit.text($0.value)) } ?? "-"
            let mark = style.ascii ? String(Self.marks[index % Self.marks.count]) : "━━"
            let room = max(4, style.width - mark.count - value.count - 4)
            let label =
                one.label.count > room
                ? String(one.label.prefix(room - 1)) + (style.ascii ? "~" : "…") : one.label
            let colour = style.colour ? Self.palette[index % Self.palette.count] : ""
            let end = style.colour ? Self.reset : ""
            lines.append("  \(colour)\(mark)\(end) \(label) \(value)")
        }
        if hidden > 0 { lines.append("  and \(hidden) more") }
        return lines
    }

    private func ascii(_ text: String) -> String {
        guard style.ascii else { return text }
        return String(
            text.map { $0.isASCII ? $0 : $0 == "µ" ? "u" : " " })
    }

    private func trimmed(_ line: String) -> String {
        var line = Substring(line)
        while line.last == " " { line.removeLast() }
        return String(line)
    }
}
