// SPDX-License-Identifier: Apache-2.0

/// What is measured of each container. Names, types and units are cAdvisor's
/// (`lib/metrics/prometheus.go`), so that dashboards go on working. A value the host does not give
/// is absent, never 0.
public enum ContainerMetrics {
    /// When the container was last seen.
    public static let lastSeen = MetricDescriptor(
        "container_last_seen", .gauge, unit: "seconds",
        help: "Last time a container was seen by the exporter", source: "clock")
    /// When it was started.
    public static let startTime = MetricDescriptor(
        "container_start_time_seconds", .gauge, unit: "seconds",
        help: "Start time of the container since unix epoch in seconds.", source: "engine")
    /// When it was made.
    public static let creationTime = MetricDescriptor(
        "container_creation_time_seconds", .gauge, unit: "seconds",
        help: "Creation time of the container since unix epoch in seconds.", source: "engine")

    /// CPU time, with `cpu="total"` as cAdvisor has it.
    public static let cpuUsage = MetricDescriptor(
        "container_cpu_usage_seconds_total", .counter, unit: "seconds",
        help: "Cumulative cpu time consumed in seconds.", source: "cpu.stat usage_usec")
    /// CPU time in user mode.
    public static let cpuUser = MetricDescriptor(
        "container_cpu_user_seconds_total", .counter, unit: "seconds",
        help: "Cumulative user cpu time consumed in seconds.", source: "cpu.stat user_usec")
    /// CPU time in the kernel.
    public static let cpuSystem = MetricDescriptor(
        "container_cpu_system_seconds_total", .counter, unit: "seconds",
        help: "Cumulative system cpu time consumed in seconds.", source: "cpu.stat system_usec")
    /// Scheduling periods; only with a quota.
    public static let cfsPeriods = MetricDescriptor(
        "container_cpu_cfs_periods_total", .counter,
        help: "Number of elapsed enforcement period intervals.", source: "cpu.stat nr_periods")
    /// Periods in which the quota held it back.
    public static let cfsThrottledPeriods = MetricDescriptor(
        "container_cpu_cfs_throttled_periods_total", .counter,
        help: "Number of throttled period intervals.", source: "cpu.stat nr_throttled")
    /// How long the quota held it back.
    public static let cfsThrottledSeconds = MetricDescriptor(
        "container_cpu_cfs_throttled_seconds_total", .counter, unit: "seconds",
        help: "Total time duration the container has been throttled.",
        source: "cpu.stat throttled_usec")

    /// Memory charged to it, page cache included.
    public static let memoryUsage = MetricDescriptor(
        "container_memory_usage_bytes", .gauge, unit: "bytes",
        help:
            "Current memory usage in bytes, including all memory regardless of when it was accessed",
        source: "memory.current")
    /// Usage less inactive page cache.
    public static let memoryWorkingSet = MetricDescriptor(
        "container_memory_working_set_bytes", .gauge, unit: "bytes",
        help: "Current working set in bytes.",
        source: "memory.current - memory.stat inactive_file")
    /// Anonymous memory.
    public static let memoryRSS = MetricDescriptor(
        "container_memory_rss", .gauge, unit: "bytes", help: "Size of RSS in bytes.",
        source: "memory.stat anon")
    /// Page cache.
    public static let memoryCache = MetricDescriptor(
        "container_memory_cache", .gauge, unit: "bytes",
        help: "Number of bytes of page cache memory.", source: "memory.stat file")
    /// Swap in use.
    public static let memorySwap = MetricDescriptor(
        "container_memory_swap", .gauge, unit: "bytes", help: "Container swap usage in bytes.",
        source: "memory.swap.current")
    /// Page cache that is mapped.
    public static let memoryMappedFile = MetricDescriptor(
        "container_memory_mapped_file", .gauge, unit: "bytes",
        help: "Size of memory mapped files in bytes.", source: "memory.stat file_mapped")
    /// The most it ever used.
    public static let memoryMaxUsage = MetricDescriptor(
        "container_memory_max_usage_bytes", .gauge, unit: "bytes",
        help: "Maximum memory usage recorded in bytes", source: "memory.peak")
    /// Page cache in use.
    public static let memoryActiveFile = MetricDescriptor(
        "container_memory_total_active_file_bytes", .gauge, unit: "bytes",
        help: "Current total active file in bytes.", source: "memory.stat active_file")
    /// Page cache that goes first.
    public static let memoryInactiveFile = MetricDescriptor(
        "container_memory_total_inactive_file_bytes", .gauge, unit: "bytes",
        help: "Current total inactive file in bytes.", source: "memory.stat inactive_file")
    /// Kernel memory.
    public static let memoryKernel = MetricDescriptor(
        "container_memory_kernel_usage", .gauge, unit: "bytes",
        help: "Size of kernel memory allocated in bytes.", source: "memory.stat kernel")
    /// Page faults, with `failure_type` and `scope`.
    public static let memoryFailures = MetricDescriptor(
        "container_memory_failures_total", .counter,
        help: "Cumulative count of memory allocation failures.",
        source: "memory.stat pgfault, pgmajfault")
    /// Times it was throttled for being over `memory.high`.
    public static let memoryEventsHigh = MetricDescriptor(
        "container_memory_events_high_total", .counter,
        help: "Cumulative count of throttles for exceeding memory.high.",
        source: "memory.events high")
    /// Times usage was about to go over the limit.
    public static let memoryEventsMax = MetricDescriptor(
        "container_memory_events_max_total", .counter,
        help: "Cumulative count of times memory.max was about to be exceeded.",
        source: "memory.events max")
    /// Processes killed for want of memory.
    public static let oomEvents = MetricDescriptor(
        "container_oom_events_total", .counter,
        help: "Count of out of memory events observed for the container",
        source: "memory.events oom_kill, or v1 memory.oom_control")

    /// Time some task waited for a resource, by resource.
    public static func pressureWaiting(_ resource: String) -> MetricDescriptor {
        MetricDescriptor(
            "container_pressure_\(resource)_waiting_seconds_total", .counter, unit: "seconds",
            help: "Total time duration tasks in the container have waited due to \(resource) "
                + "congestion.", source: "\(resource).pressure some total")
    }
    /// Time all tasks waited for a resource, by resource.
    public static func pressureStalled(_ resource: String) -> MetricDescriptor {
        MetricDescriptor(
            "container_pressure_\(resource)_stalled_seconds_total", .counter, unit: "seconds",
            help: "Total time duration no tasks in the container could make progress due to "
                + "\(resource) congestion.", source: "\(resource).pressure full total")
    }

    /// Bytes read, with `device`.
    public static let fsReadsBytes = MetricDescriptor(
        "container_fs_reads_bytes_total", .counter, unit: "bytes",
        help: "Cumulative count of bytes read", source: "io.stat rbytes")
    /// Bytes written, with `device`.
    public static let fsWritesBytes = MetricDescriptor(
        "container_fs_writes_bytes_total", .counter, unit: "bytes",
        help: "Cumulative count of bytes written", source: "io.stat wbytes")
    /// Reads, with `device`.
    public static let fsReads = MetricDescriptor(
        "container_fs_reads_total", .counter, help: "Cumulative count of reads completed",
        source: "io.stat rios")
    /// Writes, with `device`.
    public static let fsWrites = MetricDescriptor(
        "container_fs_writes_total", .counter, help: "Cumulative count of writes completed",
        source: "io.stat wios")

    /// Processes and threads.
    public static let threads = MetricDescriptor(
        "container_threads", .gauge, help: "Number of threads running inside the container",
        source: "pids.current")
    /// Processes and threads allowed; 0 for no limit, as cAdvisor has it.
    public static let threadsMax = MetricDescriptor(
        "container_threads_max", .gauge,
        help: "Maximum number of threads allowed inside the container, infinity if value is zero",
        source: "pids.max")

    /// The quota's period.
    public static let specCPUPeriod = MetricDescriptor(
        "container_spec_cpu_period", .gauge, help: "CPU period of the container.",
        source: "cpu.max")
    /// The quota, in microseconds a period.
    public static let specCPUQuota = MetricDescriptor(
        "container_spec_cpu_quota", .gauge, help: "CPU quota of the container.", source: "cpu.max")
    /// The memory limit; 0 for none, as cAdvisor has it.
    public static let specMemoryLimit = MetricDescriptor(
        "container_spec_memory_limit_bytes", .gauge, unit: "bytes",
        help: "Memory limit for the container.", source: "memory.max")

    /// Room left of a limit, with `resource`.
    public static let headroomRatio = MetricDescriptor(
        "ullage_headroom_ratio", .gauge, unit: "ratio",
        help: "Room left of the container's limit, 0 full to 1 empty.", source: "derived")
    /// Bytes left of the memory limit.
    public static let headroomBytes = MetricDescriptor(
        "ullage_headroom_bytes", .gauge, unit: "bytes",
        help: "Bytes left of the container's limit.", source: "derived")
    /// Time until a limit is reached, with `resource`.
    public static let timeToFull = MetricDescriptor(
        "ullage_time_to_full_seconds", .gauge, unit: "seconds",
        help: "Time until the limit is reached at the present trend; absent without one.",
        source: "derived")
    /// How much of the time a resource made something wait, with `resource`.
    public static let saturationRatio = MetricDescriptor(
        "ullage_saturation_ratio", .gauge, unit: "ratio",
        help: "Share of the last ten seconds in which something waited for the resource.",
        source: "*.pressure some avg10, cpu.stat nr_throttled")
    /// Lines of output, with `stream`.
    public static let logLines = MetricDescriptor(
        "ullage_log_lines_total", .counter, help: "Lines the container wrote.",
        source: "log.counters")
    /// Bytes of output, with `stream`.
    public static let logBytes = MetricDescriptor(
        "ullage_log_bytes_total", .counter, unit: "bytes", help: "Bytes the container wrote.",
        source: "log.counters")
    /// Records of output that were lost.
    public static let logDropped = MetricDescriptor(
        "ullage_log_dropped_records_total", .counter,
        help: "Records of output that could not be written to the log.", source: "log.counters")
}
