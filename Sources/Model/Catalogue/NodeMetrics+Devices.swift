// SPDX-License-Identifier: Apache-2.0

/// What is measured of the host's disks, file systems, network devices and sensors.
extension NodeMetrics {
    /// The fields of a device in `/proc/diskstats`, in the file's order after the name
    /// (iostats.rst).
    public static let disk: [MetricDescriptor] = [
        counter("disk_reads_completed_total", "Reads completed.", source: diskstats),
        counter("disk_reads_merged_total", "Reads merged with others.", source: diskstats),
        counter("disk_read_bytes_total", "Bytes read.", unit: "bytes", source: diskstats),
        counter(
            "disk_read_time_seconds_total", "Time all reads took.", unit: "seconds",
            source: diskstats),
        counter("disk_writes_completed_total", "Writes completed.", source: diskstats),
        counter("disk_writes_merged_total", "Writes merged with others.", source: diskstats),
        counter("disk_written_bytes_total", "Bytes written.", unit: "bytes", source: diskstats),
        counter(
            "disk_write_time_seconds_total", "Time all writes took.", unit: "seconds",
            source: diskstats),
        gauge("disk_io_now", "Requests in progress.", source: diskstats),
        counter(
            "disk_io_time_seconds_total", "Time with any request in progress.", unit: "seconds",
            source: diskstats),
        counter(
            "disk_io_time_weighted_seconds_total", "Time weighted by requests in progress.",
            unit: "seconds", source: diskstats),
        counter("disk_discards_completed_total", "Discards completed.", source: diskstats),
        counter("disk_discards_merged_total", "Discards merged with others.", source: diskstats),
        counter("disk_discarded_sectors_total", "Sectors discarded.", source: diskstats),
        counter(
            "disk_discard_time_seconds_total", "Time all discards took.", unit: "seconds",
            source: diskstats),
        counter("disk_flush_requests_total", "Flushes completed.", source: diskstats),
        counter(
            "disk_flush_requests_time_seconds_total", "Time all flushes took.", unit: "seconds",
            source: diskstats),
    ]
    private static let diskstats = "/proc/diskstats"

    /// What a disk is.
    public static let diskInfo = gauge(
        "disk_info", "Always 1; the labels say what the device is.", source: "/sys/block")

    /// A file system's numbers, with `device`, `fstype` and `mountpoint`.
    public static let filesystem: [MetricDescriptor] = [
        gauge("filesystem_size_bytes", "Size.", unit: "bytes", source: "statfs(2)"),
        gauge(
            "filesystem_free_bytes", "Free space, what is kept for root included.", unit: "bytes",
            source: "statfs(2)"),
        gauge(
            "filesystem_avail_bytes", "Free space for users other than root.", unit: "bytes",
            source: "statfs(2)"),
        gauge("filesystem_files", "Inodes.", source: "statfs(2)"),
        gauge("filesystem_files_free", "Free inodes.", source: "statfs(2)"),
        gauge(
            "filesystem_readonly", "Whether it is mounted read-only.", source: "/proc/self/mounts"),
    ]
    /// Whether a file system could be asked.
    public static let filesystemError = gauge(
        "filesystem_device_error", "Whether asking the file system failed or hangs.",
        source: "statfs(2)")

    /// The fields of a device in `/proc/net/dev`, in the file's order.
    public static let networkDevice: [MetricDescriptor] =
        [
            "receive_bytes", "receive_packets", "receive_errs", "receive_drop", "receive_fifo",
            "receive_frame", "receive_compressed", "receive_multicast", "transmit_bytes",
            "transmit_packets", "transmit_errs", "transmit_drop", "transmit_fifo",
            "transmit_colls", "transmit_carrier", "transmit_compressed",
        ].map { field in
            let parts = field.split(separator: "_")
            return counter(
                "network_\(field)_total",
                "The statistic \(parts[1]) of the device in the direction \(parts[0]).",
                unit: parts[1] == "bytes" ? "bytes" : "", source: "/proc/net/dev")
        }
    /// Packets nobody wanted, with `device`.
    public static let networkNoHandler = counter(
        "network_receive_nohandler_total", "Packets for which there was no handler.",
        source: "/sys/class/net/*/statistics/rx_nohandler")

    /// What a network device is.
    public static let networkInfo = gauge(
        "network_info", "Always 1; the labels say what the device is.", source: sysNet)
    /// Whether a device is up.
    public static let networkUp = gauge(
        "network_up", "1 when the device's operational state is up.", source: sysNet)
    /// The numbers of a device in sysfs: attribute, metric, factor.
    public static let networkClass: [(file: String, metric: MetricDescriptor, factor: Double)] = [
        ("addr_assign_type", networkGauge("address_assign_type"), 1),
        ("carrier", networkGauge("carrier"), 1),
        ("carrier_changes", networkCounter("carrier_changes"), 1),
        ("carrier_up_count", networkCounter("carrier_up_changes"), 1),
        ("carrier_down_count", networkCounter("carrier_down_changes"), 1),
        ("dev_id", networkGauge("device_id"), 1),
        ("dormant", networkGauge("dormant"), 1),
        ("flags", networkGauge("flags"), 1),
        ("ifindex", networkGauge("iface_id"), 1),
        ("iflink", networkGauge("iface_link"), 1),
        ("link_mode", networkGauge("iface_link_mode"), 1),
        ("mtu", networkGauge("mtu_bytes", unit: "bytes"), 1),
        ("name_assign_type", networkGauge("name_assign_type"), 1),
        ("netdev_group", networkGauge("net_dev_group"), 1),
        ("speed", networkGauge("speed_bytes", unit: "bytes"), 125_000),
        ("tx_queue_len", networkGauge("transmit_queue_length"), 1),
        ("type", networkGauge("protocol_type"), 1),
    ]
    private static let sysNet = "/sys/class/net"
    private static func networkGauge(_ name: String, unit: String = "") -> MetricDescriptor {
        gauge("network_" + name, "The attribute \(name) of the device.", unit: unit, source: sysNet)
    }
    private static func networkCounter(_ name: String) -> MetricDescriptor {
        counter("network_\(name)_total", "The attribute \(name) of the device.", source: sysNet)
    }

    /// Neighbours, with `device`.
    public static let arpEntries = gauge(
        "arp_entries", "Neighbours known.", source: "/proc/net/arp")
    /// Bytes queued, with `queue` and `ip`.
    public static let udpQueues = gauge(
        "udp_queues", "Bytes in the queues of UDP sockets.", source: "/proc/net/udp, udp6")
    /// Packets of each processor's receive path, with `cpu`.
    public static let softnet: [MetricDescriptor] = [
        counter("softnet_processed_total", "Packets processed.", source: softnetStat),
        counter("softnet_dropped_total", "Packets dropped.", source: softnetStat),
        counter(
            "softnet_times_squeezed_total", "Times the budget ran out.", source: softnetStat),
    ]
    private static let softnetStat = "/proc/net/softnet_stat"

    /// Tracked connections.
    public static let conntrackEntries = gauge(
        "nf_conntrack_entries", "Connections tracked.",
        source: "/proc/sys/net/netfilter/nf_conntrack_count")
    /// Connections that can be tracked.
    public static let conntrackLimit = gauge(
        "nf_conntrack_entries_limit", "Connections that can be tracked.",
        source: "/proc/sys/net/netfilter/nf_conntrack_max")
    /// A sum over processors of connection tracking. Gauges, as node_exporter has them.
    public static func conntrackStat(_ field: String) -> MetricDescriptor {
        gauge(
            "nf_conntrack_stat_\(field)", "The sum of \(field) of connection tracking.",
            source: "/proc/net/stat/nf_conntrack")
    }

    /// A sensor's reading, with `chip` and `sensor`.
    public static func hwmon(_ name: String, unit: String) -> MetricDescriptor {
        gauge("hwmon_" + name, "A sensor's \(name).", unit: unit, source: "/sys/class/hwmon")
    }
    /// The temperature of a zone, with `zone` and `type`.
    public static let thermalZone = gauge(
        "thermal_zone_temp", "Temperature of the zone in degrees Celsius.", unit: "celsius",
        source: "/sys/class/thermal")
    /// The state of a cooling device, with `name` and `type`.
    public static let coolingState = gauge(
        "cooling_device_cur_state", "How hard the device cools.", source: "/sys/class/thermal")
    /// The hardest a cooling device can cool.
    public static let coolingMax = gauge(
        "cooling_device_max_state", "The hardest the device cools.", source: "/sys/class/thermal")
    /// A processor's frequency, with `cpu`; the file's name tells which.
    public static let cpuFrequency: [(file: String, metric: MetricDescriptor)] = [
        ("scaling_cur_freq", frequency("cpu_scaling_frequency_hertz")),
        ("scaling_min_freq", frequency("cpu_scaling_frequency_min_hertz")),
        ("scaling_max_freq", frequency("cpu_scaling_frequency_max_hertz")),
        ("cpuinfo_cur_freq", frequency("cpu_frequency_hertz")),
        ("cpuinfo_min_freq", frequency("cpu_frequency_min_hertz")),
        ("cpuinfo_max_freq", frequency("cpu_frequency_max_hertz")),
    ]
    private static func frequency(_ name: String) -> MetricDescriptor {
        gauge(
            name, "A frequency of the processor.", unit: "hertz",
            source: "/sys/devices/system/cpu/*/cpufreq")
    }
    /// What the machine is.
    public static let dmiInfo = gauge(
        "dmi_info", "Always 1; the labels say what the machine is.", source: "/sys/class/dmi/id")
    /// What an NVMe controller is.
    public static let nvmeInfo = gauge(
        "nvme_info", "Always 1; the labels say what the controller is.",
        source: "/sys/class/nvme")
    /// Slaves of a bonding device, with `master`.
    public static let bondingSlaves = gauge(
        "bonding_slaves", "Devices the bond has.", source: "/sys/class/net/*/bonding/slaves")
    /// Slaves of a bonding device that are up.
    public static let bondingActive = gauge(
        "bonding_active", "Devices of the bond that are up.",
        source: "/sys/class/net/*/bonding_slave/mii_status")
    /// Devices of an array, with `device` and `state`.
    public static let mdDisks = gauge(
        "md_disks", "Devices of the array, by state.", source: "/proc/mdstat")
    /// Devices an array should have, with `device`.
    public static let mdDisksRequired = gauge(
        "md_disks_required", "Devices the array should have.", source: "/proc/mdstat")
    /// An array's state, with `device` and `state`.
    public static let mdState = gauge(
        "md_state", "1 for the state the array is in.", source: "/proc/mdstat")
}
