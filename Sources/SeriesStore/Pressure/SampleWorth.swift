// SPDX-License-Identifier: Apache-2.0

/// How much a metric's samples are worth when a disk has no room for all: what is worth least is
/// no longer written first.
enum SampleWorth: UInt8, CaseIterable, Comparable, Sendable {
    /// Numbers that explain others: parts of a container's memory, paging, devices, the kernel.
    case detail
    /// What containers and the host use, and everything that this list does not know.
    case basic
    /// What tells that something is wrong: alerts, rules' output, headroom, restarts, out-of-memory
    /// kills, whether things are up, the agent's own numbers. Always written while anything can be.
    case essential

    static func < (one: SampleWorth, other: SampleWorth) -> Bool { one.rawValue < other.rawValue }

    /// The worth of the samples of a family.
    init(metric name: String) {
        if Self.essentials.contains(name) || name.utf8.contains(UInt8(ascii: ":"))
            || ["ullage_", "process_"].contains(where: { name.hasPrefix($0) })
        {
            self = .essential
        } else if Self.basics.contains(name) {
            self = .basic
        } else if ["container_", "node_"].contains(where: { name.hasPrefix($0) }) {
            self = .detail
        } else {
            self = .basic
        }
    }

    private static let essentials: Set<String> = [
        "ALERTS", "ALERTS_FOR_STATE", "up", "container_oom_events_total",
        "container_restarts_total", "container_health_state", "container_last_seen",
        "container_start_time_seconds", "node_filesystem_avail_bytes",
        "node_filesystem_size_bytes",
    ]

    private static let basics: Set<String> = [
        "container_cpu_usage_seconds_total", "container_cpu_cfs_throttled_seconds_total",
        "container_memory_usage_bytes", "container_memory_working_set_bytes",
        "container_spec_memory_limit_bytes", "container_spec_cpu_quota",
        "container_spec_cpu_period", "container_network_receive_bytes_total",
        "container_network_transmit_bytes_total", "container_fs_reads_bytes_total",
        "container_fs_writes_bytes_total", "container_threads", "node_cpu_seconds_total",
        "node_load1", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes",
        "node_network_receive_bytes_total", "node_network_transmit_bytes_total",
        "node_disk_read_bytes_total", "node_disk_written_bytes_total",
        "node_disk_io_time_seconds_total", "node_boot_time_seconds",
    ]
}
