// SPDX-License-Identifier: Apache-2.0

import Interchange

/// The rows of `ullage stats` as tables for people and as CSV for programs.
enum StatsTable {
    /// What fits a terminal of 120 columns.
    static func narrow(_ rows: [StatsRow]) -> Table {
        var table = Table([
            .left("NAME"), .left("STATE"), .right("CPU"), .right("MEM / LIMIT"), .right("HEADROOM"),
            .right("FULL IN"), .right("PIDS"), .right("LOG"), .right("PSI CPU/MEM/IO"),
        ])
        for row in rows {
            table.append([
                row.name, row.stateText, Quantity.percent(row.cpuCores), memory(row), headroom(row),
                Quantity.duration(row.timeToFullSeconds), pids(row),
                Quantity.rate(row.logLinesPerSecond), pressure(row),
            ])
        }
        return table
    }

    /// Docker's columns and all of Ullage's.
    static func wide(_ rows: [StatsRow]) -> Table {
        var table = Table([
            .left("CONTAINER ID"), .left("NAME"), .left("STATE"), .right("CPU"),
            .right("MEM / LIMIT"), .right("MEM %"), .right("NET I/O"), .right("BLOCK I/O"),
            .right("PIDS"), .right("THROTTLED"), .right("HEADROOM"), .right("FULL IN"),
            .right("LOG"), .right("PSI CPU/MEM/IO"), .right("OOM"), .left("ENGINE"),
        ])
        for row in rows {
            let usage = row.memoryWorkingSetBytes ?? row.memoryUsageBytes
            let share = usage.flatMap { usage in
                row.memoryLimitBytes.map { $0 > 0 ? Double(usage) / Double($0) : 0 }
            }
            table.append([
                row.id.hasPrefix("/") ? Quantity.unknown : String(row.id.prefix(12)), row.name,
                row.stateText, Quantity.percent(row.cpuCores), memory(row),
                Quantity.percent(share),
                pair(row.networkReceivedBytes, row.networkTransmittedBytes),
                pair(row.ioReadBytes, row.ioWrittenBytes), pids(row),
                Quantity.percent(row.throttledRatio), headroom(row),
                Quantity.duration(row.timeToFullSeconds), Quantity.rate(row.logLinesPerSecond),
                pressure(row), row.oomKills.map { "\($0)" } ?? Quantity.unknown, row.engine,
            ])
        }
        return table
    }

    private static func memory(_ row: StatsRow) -> String {
        let limit = row.memoryLimitBytes.map { Quantity.bytes($0) } ?? "none"
        let usage = row.memoryWorkingSetBytes ?? row.memoryUsageBytes
        return usage == nil ? Quantity.unknown : "\(Quantity.bytes(usage)) / \(limit)"
    }

    private static func headroom(_ row: StatsRow) -> String {
        row.headroomRatio.map {
            Quantity.percent($0) + (row.headroomResource.map { " " + $0 } ?? "")
        } ?? Quantity.unknown
    }

    private static func pids(_ row: StatsRow) -> String {
        row.pids.map { "\($0)" + (row.pidsLimit.map { " / \($0)" } ?? "") } ?? Quantity.unknown
    }

    private static func pressure(_ row: StatsRow) -> String {
        let all = [row.cpuPressureRatio, row.memoryPressureRatio, row.ioPressureRatio]
        guard all.contains(where: { $0 != nil }) else { return Quantity.unknown }
        return all.map { $0.map { Quantity.decimal($0 * 100, 0) } ?? Quantity.unknown }
            .joined(separator: "/")
    }

    private static func pair(_ first: Int64?, _ second: Int64?) -> String {
        first == nil && second == nil
            ? Quantity.unknown : "\(Quantity.bytes(first)) / \(Quantity.bytes(second))"
    }

    /// The columns of the CSV, in base units.
    private static let columns: [(name: String, value: @Sendable (StatsRow) -> String?)] = [
        ("name", { $0.name }), ("id", { $0.id }), ("engine", { $0.engine }),
        ("image", { $0.image }), ("state", { $0.state }), ("cpu_cores", { text($0.cpuCores) }),
        ("throttled_ratio", { text($0.throttledRatio) }),
        ("throttled_seconds", { text($0.throttledSeconds) }),
        ("memory_usage_bytes", { text($0.memoryUsageBytes) }),
        ("memory_working_set_bytes", { text($0.memoryWorkingSetBytes) }),
        ("memory_limit_bytes", { text($0.memoryLimitBytes) }),
        ("headroom_ratio", { text($0.headroomRatio) }),
        ("headroom_resource", { $0.headroomResource }),
        ("time_to_full_seconds", { text($0.timeToFullSeconds) }), ("pids", { text($0.pids) }),
        ("pids_limit", { text($0.pidsLimit) }),
        ("network_received_bytes", { text($0.networkReceivedBytes) }),
        ("network_transmitted_bytes", { text($0.networkTransmittedBytes) }),
        ("io_read_bytes", { text($0.ioReadBytes) }),
        ("io_written_bytes", { text($0.ioWrittenBytes) }),
        ("io_read_bytes_per_second", { text($0.ioReadBytesPerSecond) }),
        ("io_write_bytes_per_second", { text($0.ioWriteBytesPerSecond) }),
        ("cpu_pressure_ratio", { text($0.cpuPressureRatio) }),
        ("memory_pressure_ratio", { text($0.memoryPressureRatio) }),
        ("io_pressure_ratio", { text($0.ioPressureRatio) }),
        ("log_lines_per_second", { text($0.logLinesPerSecond) }),
        ("oom_kills", { text($0.oomKills) }),
    ]

    /// RFC 4180; an unknown value is an empty cell.
    static func csv(_ rows: [StatsRow], withHeader: Bool) -> String {
        var text = withHeader ? columns.map(\.name).joined(separator: ",") + "\r\n" : ""
        for row in rows {
            let cells = columns.map { column in
                column.value(row).map {
                    CSV.cell(Terminal.isInteractive ? Terminal.safe($0, limit: .max) : $0)
                } ?? ""
            }
            text += cells.joined(separator: ",") + "\r\n"
        }
        return text
    }

    private static func text(_ value: Double?) -> String? { value.map { "\($0)" } }
    private static func text(_ value: Int64?) -> String? { value.map { "\($0)" } }
}
