// SPDX-License-Identifier: Apache-2.0

import Model

/// The times at which a node is evaluated.
struct Grid {
    let start: Milliseconds
    let step: Milliseconds
    let count: Int

    func time(_ index: Int) -> Milliseconds { start &+ Milliseconds(index) &* step }
    var end: Milliseconds { time(count - 1) }

    /// One evaluation at `time`.
    static func at(_ time: Milliseconds) -> Grid { Grid(start: time, step: 1, count: 1) }

    /// The values that are there, each with its time.
    func points(_ values: [Double]) -> [Point] {
        var points: [Point] = []
        points.reserveCapacity(values.count)
        for (i, value) in values.enumerated() where !Absent.isAbsent(value) {
            points.append(Point(timestamp: time(i), value: value))
        }
        return points
    }
}

/// How "no value at this step" is kept in a row: as the stale marker, a signalling NaN. Arithmetic
/// on NaN yields quiet NaN, so no operator or function can produce it, and no sample that a
/// function sees has it.
enum Absent {
    static let value = Double(bitPattern: StaleMarker.bits)

    @inline(__always)
    static func isAbsent(_ value: Double) -> Bool {
        value.bitPattern == 0x7ff0_0000_0000_0002
    }
}

/// One series of a node's result, with a value or `Absent` for each step.
struct Row {
    var labels: Labels
    /// Whether the metric's name goes at the end of the evaluation.
    var dropsName = false
    var values: [Double]

    init(labels: Labels, dropsName: Bool = false, values: [Double]) {
        self.labels = labels
        self.dropsName = dropsName
        self.values = values
    }

    /// A row without values.
    init(labels: Labels, dropsName: Bool = false, count: Int) {
        self.init(
            labels: labels, dropsName: dropsName,
            values: [Double](repeating: Absent.value, count: count))
    }
}

/// What a node yields.
enum Evaluated {
    case scalar([Double])
    case string(String)
    case rows([Row])
}

extension Labels {
    /// Only the labels of these names.
    func keeping(_ names: [String]) -> Labels {
        Labels(sorted: pairs.filter { names.contains($0.name) })
    }

    /// All but the labels of these names.
    func removing(_ names: [String]) -> Labels {
        Labels(sorted: pairs.filter { !names.contains($0.name) })
    }

    /// The set as messages show it.
    var shown: String {
        let name = self[Labels.metricName]
        let rest = pairs.filter { $0.name != Labels.metricName }
        if rest.isEmpty, !name.isEmpty { return name }
        let list = rest.map { "\($0.name)=\(Quoting.quote($0.value))" }
        return name + "{" + list.joined(separator: ", ") + "}"
    }
}
