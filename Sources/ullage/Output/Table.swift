// SPDX-License-Identifier: Apache-2.0

/// Text in columns, as wide as their widest cell.
struct Table {
    /// One column's heading and which side its cells keep to.
    struct Column {
        var title: String
        var alignsRight = false

        static func left(_ title: String) -> Column { Column(title: title) }
        static func right(_ title: String) -> Column { Column(title: title, alignsRight: true) }
    }

    let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: [Column]) { self.columns = columns }

    /// Adds a row; cells are made harmless to the terminal here, at the last moment.
    mutating func append(_ cells: [String]) { rows.append(cells.map { Terminal.safe($0) }) }

    /// The lines, heading first, without trailing blanks.
    func lines() -> [String] {
        let all = [columns.map(\.title)] + rows
        var widths = columns.map(\.title.count)
        for row in rows {
            for (i, cell) in row.enumerated() { widths[i] = max(widths[i], cell.count) }
        }
        return all.map { row in
            var line = ""
            for (i, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[i] - cell.count)
                if i > 0 { line += "   " }
                line += columns[i].alignsRight ? padding + cell : cell + padding
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// The whole table, one line each.
    func rendered() -> String { lines().map { $0 + "\n" }.joined() }
}
