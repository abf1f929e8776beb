// SPDX-License-Identifier: Apache-2.0

/// Dots in cells of a terminal: braille patterns of 2 by 4 dots, or one character a cell.
///
/// Each cell remembers the series that drew in it last, which gives it its colour.
struct Canvas {
    let columns: Int
    let rows: Int
    let ascii: Bool
    private var dots: [UInt8]
    private var owners: [Int]

    init(columns: Int, rows: Int, ascii: Bool) {
        self.columns = columns
        self.rows = rows
        self.ascii = ascii
        dots = Array(repeating: 0, count: columns * rows)
        owners = Array(repeating: -1, count: columns * rows)
    }

    /// Dots across and down.
    var width: Int { ascii ? columns : columns * 2 }
    var height: Int { ascii ? rows : rows * 4 }

    mutating func set(_ x: Int, _ y: Int, series: Int) {
        guard (0..<width).contains(x), (0..<height).contains(y) else { return }
        let cell = ascii ? y * columns + x : y / 4 * columns + x / 2
        // The braille block numbers its dots 1-3 and 7 down the left, 4-6 and 8 down the right.
        let bits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]
        dots[cell] |= ascii ? 1 : bits[y % 4 * 2 + x % 2]
        owners[cell] = series
    }

    /// A straight line between two dots (Bresenham).
    mutating func line(from a: (x: Int, y: Int), to b: (x: Int, y: Int), series: Int) {
        var (x, y) = a
        let (dx, dy) = (abs(b.x - a.x), -abs(b.y - a.y))
        let (sx, sy) = (a.x < b.x ? 1 : -1, a.y < b.y ? 1 : -1)
        var error = dx + dy
        while true {
            set(x, y, series: series)
            guard x != b.x || y != b.y else { return }
            let doubled = 2 * error
            if doubled >= dy {
                error += dy
                x += sx
            }
            if doubled <= dx {
                error += dx
                y += sy
            }
        }
    }

    /// One row of cells, coloured by `palette` when it is not empty.
    func row(_ row: Int, palette: [String], marks: [Character]) -> String {
        var text = ""
        var colour = -1
        for column in 0..<columns {
            let cell = row * columns + column
            let owner = owners[cell]
            if !palette.isEmpty, owner >= 0, owner != colour {
                text += palette[owner % palette.count]
                colour = owner
            }
            if ascii {
                text.append(owner < 0 ? " " : marks[owner % marks.count])
            } else if dots[cell] == 0 {
                text.append(" ")
            } else {
                text.unicodeScalars.append(
                    Unicode.Scalar(0x2800 + UInt32(dots[cell])) ?? " ")
            }
        }
        return colour >= 0 ? text + LineChart.reset : text
    }
}
