// SPDX-License-Identifier: Apache-2.0

import Chart
import Testing

@Suite("Line charts in the terminal")
struct LineChartTests {
    private func style(_ change: (inout LineChart.Style) -> Void) -> LineChart.Style {
        var style = LineChart.Style()
        change(&style)
        return style
    }

    @Test("A ramp in ASCII is drawn as expected")
    func golden() {
        let points = (0...10).map { (time: Double($0) * 60, value: Double($0)) }
        let chart = LineChart(
            [.init(label: "up", points: points)],
            style: style {
                $0.width = 30
                $0.height = 6
                $0.ascii = true
            })
        let lines = chart.lines()
        #expect(lines.count == 9)
        #expect(lines[0].hasPrefix("10 |") && lines[0].hasSuffix("*"))
        #expect(lines[5].hasPrefix(" 0 |*"))
        #expect(lines[7].contains("00:00") && lines[7].contains("00:05"))
        #expect(chart.lines().last == "  * up 10")
    }

    @Test("No line is wider than the terminal", arguments: [20, 40, 80, 200], [false, true])
    func width(columns: Int, ascii: Bool) {
        let series = (0..<30).map { index in
            LineChart.Series(
                label: String(repeating: "label", count: index),
                points: (0..<50).map { (Double($0) * 15, Double($0 * index) * 1e6) })
        }
        let lines = LineChart(
            series,
            style: style {
                $0.width = columns
                $0.ascii = ascii
                $0.unit = .bytes
            }
        ).lines()
        for line in lines { #expect(line.count <= columns, "\(line)") }
        #expect(lines.last == "  and 18 more")
        if ascii { #expect(lines.joined().allSatisfy { $0.isASCII }) }
    }

    @Test("A pause and a NaN are gaps, not lines")
    func gaps() {
        let points: [(time: Double, value: Double)] =
            [(0, 1), (10, 1), (20, 1), (80, 1), (90, 1), (100, 1)]
        let lines = LineChart(
            [.init(label: "g", points: points)],
            style: style {
                $0.width = 40
                $0.height = 3
                $0.ascii = true
                $0.step = 10
            }
        ).lines()
        let plot = lines.prefix(3).joined().filter { $0 == "*" }.count
        #expect(plot > 4 && plot < 25)
    }

    @Test("Values without an end, alone or not numbers never crash it")
    func adversarial() {
        let odd: [Double] = [
            0, -0.0, .nan, .infinity, -.infinity, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e-300, 5,
        ]
        for a in odd {
            for b in odd {
                for times in [(0.0, 0.0), (0, 1), (-1e15, 1e15), (-1e308, 1.7e308)] {
                    let lines = LineChart(
                        [.init(label: "x", points: [(times.0, a), (times.1, b)])],
                        style: style { $0.width = 30 }
                    ).lines()
                    #expect(!lines.isEmpty)
                }
            }
        }
    }

    @Test(
        "The unit is guessed from the name",
        arguments: [
            ("container_memory_usage_bytes", Unit.bytes),
            ("rate(node_network_receive_bytes_total[1m])", .bytesPerSecond),
            ("rate(container_cpu_usage_seconds_total[1m])", .number),
            ("node_time_seconds", .seconds), ("x_ratio", .ratio),
            ("sum(up{path=\"a_bytes\"})", .number), ("count(x_bytes)", .number),
            ("node_hwmon_temp_celsius", .celsius),
        ])
    func units(expression: String, unit: Unit) {
        #expect(Unit(guessingFrom: expression) == unit)
    }

    @Test("Numbers are written short")
    func numbers() {
        #expect(Unit.bytes.text(1536) == "1.5KiB")
        #expect(Unit.seconds.text(0.0025) == "2.5ms")
        #expect(Unit.ratio.text(0.125) == "12.5%")
        #expect(Unit.number.text(-1_500_000) == "-1.5M")
        #expect(Unit.number.text(0) == "0")
        #expect(Unit.number.text(-1.23456e300) == "-1.234e+285P")
        #expect(Unit.number.text(.leastNonzeroMagnitude) == "5e-324")
        #expect(Unit.ratio.text(2e9) == "200000000000%")
    }
}
