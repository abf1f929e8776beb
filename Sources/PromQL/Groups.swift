// SPDX-License-Identifier: Apache-2.0

import Model

/// The groups of an aggregation.
struct Groups {
    private(set) var labels: [Labels] = []
    /// Whether any member's name is to go.
    private(set) var dropsName: [Bool] = []
    /// The group of each row.
    private(set) var ofRow: [Int] = []
    /// The rows of each group.
    private(set) var members: [[Int]] = []

    init(_ aggregate: Expression.Aggregate, _ rows: [Row]) {
        var groups = LabelGroups(LabelSelection(aggregate))
        ofRow.reserveCapacity(rows.count)
        for (i, row) in rows.enumerated() {
            let place = groups.number(row.labels)
            if place == members.count {
                dropsName.append(false)
                members.append([])
            }
            if row.dropsName { dropsName[place] = true }
            ofRow.append(place)
            members[place].append(i)
        }
        labels = groups.labels
    }

    /// A row without values for each group.
    func rows(_ grid: Grid) -> [Row] {
        zip(labels, dropsName).map { Row(labels: $0, dropsName: $1, count: grid.count) }
    }
}

extension Labels {
    /// FNV-1a with a final mix: the same in each process, unlike `hashValue`.
    var stableHash: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for label in pairs {
            for part in [label.name, label.value] {
                for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
                hash = (hash ^ 0xff) &* 0x100_0000_01b3
            }
        }
        hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
        return hash ^ hash >> 33
    }
}
