// SPDX-License-Identifier: Apache-2.0

/// What is measured of the machine, by cAdvisor's names.
public enum MachineMetrics {
    /// Memory.
    public static let memory = MetricDescriptor(
        "machine_memory_bytes", .gauge, unit: "bytes",
        help: "Amount of memory installed on the machine.", source: "/proc/meminfo MemTotal")
    /// Swap.
    public static let swap = MetricDescriptor(
        "machine_swap_bytes", .gauge, unit: "bytes",
        help: "Amount of swap memory available on the machine.", source: "/proc/meminfo SwapTotal")
    /// Logical processors.
    public static let cpus = MetricDescriptor(
        "machine_cpu_cores", .gauge, help: "Number of logical CPU cores.", source: "/proc/cpuinfo")
    /// Physical cores.
    public static let cores = MetricDescriptor(
        "machine_cpu_physical_cores", .gauge, help: "Number of physical CPU cores.",
        source: "/proc/cpuinfo")
    /// Sockets.
    public static let sockets = MetricDescriptor(
        "machine_cpu_sockets", .gauge, help: "Number of CPU sockets.", source: "/proc/cpuinfo")
}

extension MachineMetrics {
    /// What is being scraped, in OpenMetrics' words: always 1, with the host in its labels.
    public static let target = MetricDescriptor(
        "target_info", .gauge, help: "The host and the agent that the samples come from.",
        source: "uname, /etc/machine-id")
}

/// What the agent says of itself.
public enum AgentMetrics {
    /// Always 1, with `version`.
    public static let buildInfo = MetricDescriptor(
        "ullage_build_info", .gauge, help: "Always 1; the labels say what runs.")
    /// How long a collector took, with `collector`.
    public static let collectorDuration = MetricDescriptor(
        "ullage_collector_duration_seconds", .gauge, unit: "seconds",
        help: "Time the collector took in the last tick.")
    /// Failures, with `collector`.
    public static let collectorErrors = MetricDescriptor(
        "ullage_collector_errors_total", .counter,
        help: "Readings that failed, other than because a container ended.")
    /// Ticks left out because the one before took too long.
    public static let ticksSkipped = MetricDescriptor(
        "ullage_ticks_skipped_total", .counter,
        help: "Sampling ticks left out because the one before took too long.")
    /// Containers known, with `state`.
    public static let containers = MetricDescriptor(
        "ullage_containers", .gauge, help: "Containers known, by state.")
    /// Containers whose cgroups take so long to read that they are read apart.
    public static let slowContainers = MetricDescriptor(
        "ullage_slow_containers", .gauge,
        help: "Containers whose cgroups take so long to read that they are read apart.")
    /// Counters that went back and were held.
    public static let counterResets = MetricDescriptor(
        "ullage_counters_held_total", .counter,
        help: "Kernel counters that went backwards within a container's life and were held.")
    /// Samples stored.
    public static let samplesAppended = MetricDescriptor(
        "ullage_samples_appended_total", .counter, help: "Samples stored.")
    /// Samples refused, with `reason`.
    public static let samplesRejected = MetricDescriptor(
        "ullage_samples_rejected_total", .counter, help: "Samples that were not stored.")
    /// Series in memory.
    public static let series = MetricDescriptor(
        "ullage_store_series", .gauge, help: "Series held in memory.")
    /// Writes of the store that failed.
    public static let storeErrors = MetricDescriptor(
        "ullage_store_errors_total", .counter, help: "Writes of the store that failed.")
    /// Damaged parts that were set aside.
    public static let storeQuarantined = MetricDescriptor(
        "ullage_store_quarantined_total", .counter,
        help: "Damaged parts of the store that were set aside.")
    /// 1 when the configuration in use is the one in the file.
    public static let configReloadSuccessful = MetricDescriptor(
        "ullage_config_last_reload_successful", .gauge,
        help: "Whether the last reading of the configuration succeeded.")

    /// CPU time of the agent.
    public static let processCPU = MetricDescriptor(
        "process_cpu_seconds_total", .counter, unit: "seconds",
        help: "Total user and system CPU time spent in seconds.", source: "/proc/self/stat")
    /// Resident memory of the agent.
    public static let processMemory = MetricDescriptor(
        "process_resident_memory_bytes", .gauge, unit: "bytes",
        help: "Resident memory size in bytes.", source: "/proc/self/stat")
    /// When the agent started.
    public static let processStart = MetricDescriptor(
        "process_start_time_seconds", .gauge, unit: "seconds",
        help: "Start time of the process since unix epoch in seconds.", source: "clock")
    /// Open descriptors of the agent.
    public static let processFDs = MetricDescriptor(
        "process_open_fds", .gauge, help: "Number of open file descriptors.",
        source: "/proc/self/fd")
}
