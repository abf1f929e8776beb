// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// What happens while the file system has little room.
///
/// Below `minFree` samples of the worth `detail` are no longer written, below half of it those
/// worth `basic` neither. They stay in memory, where queries and rules find them, for as long as
/// samples that cannot be sealed do. When there is room again at the time their section is sealed,
/// they are stored like all others; otherwise they are left out and counted.
extension StoreCore {
    /// Free bytes below which detail is left out: at most a twentieth of the file system, so that a
    /// small one is not short of room from the start.
    var reserve: Int64 { min(options.minFree, Files.capacity(directory) / 20) }

    /// The least worth of the samples that are written now.
    var leastWorth: SampleWorth {
        SampleWorth(rawValue: pressure.load(ordering: .relaxed)) ?? .detail
    }

    /// Looks how much room there is, and decides what is written from here on.
    func watchDisk() {
        let (available, reserve) = (Files.available(directory), reserve)
        let now = leastWorth
        // A quarter more than where it began, so that it does not begin again at once.
        func isShort(of bytes: Int64, _ worth: SampleWorth) -> Bool {
            available < (now >= worth ? bytes + bytes / 4 : bytes)
        }
        let next: SampleWorth =
            isShort(of: reserve / 2, .essential)
            ? .essential : isShort(of: reserve, .basic) ? .basic : .detail
        pressure.store(next.rawValue, ordering: .relaxed)
    }

    /// Whether the file system has room for bytes that are added to the database: in the write-ahead
    /// log and in the file. Asked first, because a write that fails half way takes room that the
    /// journal needs.
    func hasRoom(for growth: Int64, _ database: Database) throws(StoreError) -> Bool {
        let free = Files.size(path) - (try database.usedBytes())
        return Files.available(directory) > growth + max(0, growth - free)
    }
}

extension StoreCore.State {
    /// The columns of a stretch's newest tick that are worth writing, one bit each; nil for all.
    func columnsToWrite(_ stretch: Stretch, worth least: SampleWorth) -> [UInt64]? {
        guard least > .detail else { return nil }
        var mask = [UInt64](repeating: 0, count: (stretch.columns.count + 63) / 64)
        for (column, slot) in stretch.columns.enumerated() where slot != SeriesTable.none {
            let metric = table.series[Int(slot)].metric
            if metric != SeriesTable.none, table.metrics[Int(metric)].worth >= least {
                mask[column >> 6] |= 1 << UInt64(column & 63)
            }
        }
        return mask
    }
}

extension ColumnSamples {
    /// Takes out the samples of some ticks; gives how many there were.
    mutating func remove(_ ticks: [(first: Int, count: Int)]) -> Int {
        guard !ticks.isEmpty else { return 0 }
        var kept = ColumnSamples()
        var at = 0
        var next = ticks[...]
        for run in runs {
            for tick in run.first..<(run.first + run.count) {
                while let one = next.first, one.first + one.count <= tick { next.removeFirst() }
                if let one = next.first, one.first <= tick {
                    at += 1
                    continue
                }
                kept.add(run: tick, 1)
                kept.values.append(values[at])
                at += 1
            }
        }
        let removed = values.count - kept.values.count
        self = kept
        return removed
    }
}
