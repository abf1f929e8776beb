// SPDX-License-Identifier: Apache-2.0

/// What is measured of the host, by node_exporter's names, types and labels, so that its dashboards
/// and rules work: processors, memory, load, clocks and the kernel's counters.
///
/// Families whose members are the keys of a kernel file (`node_memory_*`, `node_netstat_*`, ...) are
/// made by functions of the key.
public enum NodeMetrics {
    static func counter(
        _ name: String, _ help: String, unit: String = "", source: String
    ) -> MetricDescriptor {
        MetricDescriptor("node_" + name, .counter, unit: unit, help: help, source: source)
    }

    static func gauge(
        _ name: String, _ help: String, unit: String = "", source: String
    ) -> MetricDescriptor {
        MetricDescriptor("node_" + name, .gauge, unit: unit, help: help, source: source)
    }

    /// Time of each processor, with `cpu` and `mode`.
    public static let cpuSeconds = counter(
        "cpu_seconds_total", "Time each processor spent in each mode.", unit: "seconds",
        source: "/proc/stat cpuN")
    /// Time of each processor in guests, with `cpu` and `mode`; part of user and nice.
    public static let cpuGuestSeconds = counter(
        "cpu_guest_seconds_total", "Time each processor ran guests, which user and nice include.",
        unit: "seconds", source: "/proc/stat cpuN")
    /// Context switches.
    public static let contextSwitches = counter(
        "context_switches_total", "Context switches since boot.", source: "/proc/stat ctxt")
    /// Processes and threads made.
    public static let forks = counter(
        "forks_total", "Processes and threads made since boot.", source: "/proc/stat processes")
    /// Interrupts.
    public static let interrupts = counter(
        "intr_total", "Interrupts serviced since boot.", source: "/proc/stat intr")
    /// Boot time.
    public static let bootTime = gauge(
        "boot_time_seconds", "When the host booted, in seconds since the Unix epoch.",
        unit: "seconds", source: "/proc/stat btime")
    /// Runnable tasks.
    public static let procsRunning = gauge(
        "procs_running", "Tasks that run or could run.", source: "/proc/stat procs_running")
    /// Tasks in uninterruptible sleep.
    public static let procsBlocked = gauge(
        "procs_blocked", "Tasks that wait for I/O.", source: "/proc/stat procs_blocked")

    /// The load average over 1 minute.
    public static let load1 = gauge(
        "load1", "Load average over one minute.", source: "/proc/loadavg")
    /// The load average over 5 minutes.
    public static let load5 = gauge(
        "load5", "Load average over five minutes.", source: "/proc/loadavg")
    /// The load average over 15 minutes.
    public static let load15 = gauge(
        "load15", "Load average over fifteen minutes.", source: "/proc/loadavg")
    /// Threads of the whole host.
    public static let threads = gauge(
        "processes_threads", "Threads of all processes.", source: "/proc/loadavg")
    /// Threads allowed.
    public static let maxThreads = gauge(
        "processes_max_threads", "Threads the kernel allows.",
        source: "/proc/sys/kernel/threads-max")
    /// Process ids allowed.
    public static let maxProcesses = gauge(
        "processes_max_processes", "Process ids the kernel gives out.",
        source: "/proc/sys/kernel/pid_max")

    /// A line of `/proc/meminfo`: `Active(anon)` becomes `Active_anon`.
    public static func memory(_ field: String, isBytes: Bool) -> MetricDescriptor {
        gauge(
            "memory_\(field)" + (isBytes ? "_bytes" : ""), "The field \(field) of meminfo.",
            unit: isBytes ? "bytes" : "", source: "/proc/meminfo")
    }
    /// A counter of `/proc/vmstat`. Its type is unknown, as node_exporter has it.
    public static func vmstat(_ field: String) -> MetricDescriptor {
        MetricDescriptor(
            "node_vmstat_\(field)", .unknown, help: "The field \(field) of vmstat.",
            source: "/proc/vmstat")
    }
    /// A counter of the network stack. Its type is unknown, as node_exporter has it.
    public static func netstat(_ key: String, _ field: String) -> MetricDescriptor {
        MetricDescriptor(
            "node_netstat_\(key)_\(field)", .unknown,
            help: "The statistic \(field) of the protocol \(key).",
            source: "/proc/net/netstat, /proc/net/snmp, /proc/net/snmp6")
    }
    /// A count of sockets.
    public static func sockstat(_ key: String, _ field: String) -> MetricDescriptor {
        let isBytes = field.hasSuffix("_bytes")
        return gauge(
            "sockstat_\(key)_\(field)",
            isBytes
                ? "Bytes of memory used by \(key) sockets."
                : "Number of \(key) sockets in the state \(field).", unit: isBytes ? "bytes" : "",
            source: "/proc/net/sockstat, /proc/net/sockstat6")
    }

    /// Time some task waited for a resource.
    public static func pressureWaiting(_ resource: String) -> MetricDescriptor {
        counter(
            "pressure_\(resource)_waiting_seconds_total",
            "Time in which at least one task waited for \(resource).", unit: "seconds",
            source: "/proc/pressure/\(resource) some")
    }
    /// Time all tasks waited for a resource.
    public static func pressureStalled(_ resource: String) -> MetricDescriptor {
        counter(
            "pressure_\(resource)_stalled_seconds_total",
            "Time in which no task could go on because of \(resource).", unit: "seconds",
            source: "/proc/pressure/\(resource) full")
    }

    /// Open files.
    public static let filesAllocated = gauge(
        "filefd_allocated", "Open files of the whole host.", source: "/proc/sys/fs/file-nr")
    /// Open files allowed.
    public static let filesMaximum = gauge(
        "filefd_maximum", "Open files the kernel allows.", source: "/proc/sys/fs/file-nr")
    /// Entropy.
    public static let entropyAvailable = gauge(
        "entropy_available_bits", "Bits of entropy available.",
        source: "/proc/sys/kernel/random/entropy_avail")
    /// Size of the entropy pool.
    public static let entropyPool = gauge(
        "entropy_pool_size_bits", "Bits of entropy the pool can hold.",
        source: "/proc/sys/kernel/random/poolsize")
    /// Tasks the kernel found to hang.
    public static let hungTasks = counter(
        "kernel_hung_tasks_total", "Tasks found to hang since boot.",
        source: "/proc/sys/kernel/hung_task_detect_count")

    /// What the kernel calls itself.
    public static let uname = gauge(
        "uname_info", "Always 1; the labels say what uname(2) does.", source: "uname(2)")
    /// The time.
    public static let time = gauge(
        "time_seconds", "The host's time in seconds since the Unix epoch.", unit: "seconds",
        source: "clock_gettime(2)")
    /// The zone's distance from UTC, with `time_zone`.
    public static let timeZoneOffset = gauge(
        "time_zone_offset_seconds", "Distance of the local time from UTC.", unit: "seconds",
        source: "localtime_r(3)")
    /// The distribution.
    public static let osInfo = gauge(
        "os_info", "Always 1; the labels say which distribution it is.", source: "/etc/os-release")
    /// Its version as a number.
    public static let osVersion = gauge(
        "os_version", "The distribution's version, major and minor.", source: "/etc/os-release")
    /// Whether SELinux is on.
    public static let selinuxEnabled = gauge(
        "selinux_enabled", "Whether SELinux is on.", source: "/sys/fs/selinux")
    /// The clock source in use, with `device` and `clocksource`.
    public static let clocksourceCurrent = gauge(
        "time_clocksource_current_info", "Always 1; the label names the clock source in use.",
        source: "/sys/devices/system/clocksource")
    /// The clock sources there are.
    public static let clocksourceAvailable = gauge(
        "time_clocksource_available_info", "Always 1; the label names a clock source there is.",
        source: "/sys/devices/system/clocksource")

    /// Time processes ran on each processor, with `cpu`.
    public static let schedRunning = counter(
        "schedstat_running_seconds_total", "Time processes ran on the processor.",
        unit: "seconds", source: "/proc/schedstat")
    /// Time processes waited for each processor, with `cpu`.
    public static let schedWaiting = counter(
        "schedstat_waiting_seconds_total", "Time runnable processes waited for the processor.",
        unit: "seconds", source: "/proc/schedstat")
    /// Time slices of each processor, with `cpu`.
    public static let schedTimeslices = counter(
        "schedstat_timeslices_total", "Time slices run on the processor.",
        source: "/proc/schedstat")

    /// The time a collector took, with `collector`, as node_exporter reports it.
    public static let scrapeDuration = gauge(
        "scrape_collector_duration_seconds", "Time the collector took.", unit: "seconds",
        source: "clock")
    /// Whether a collector succeeded, with `collector`.
    public static let scrapeSuccess = gauge(
        "scrape_collector_success", "Whether the collector succeeded.", source: "agent")

    /// adjtimex(2)'s fields, in the order in which `Timex.values` gives them.
    public static let timex: [MetricDescriptor] = [
        gauge("timex_sync_status", "1 when the clock is synchronised.", source: "adjtimex(2)"),
        seconds("timex_offset_seconds", "Offset between the local clock and its reference."),
        gauge(
            "timex_frequency_adjustment_ratio", "Factor by which the clock is sped up.",
            unit: "ratio", source: "adjtimex(2) freq"),
        seconds("timex_maxerror_seconds", "Largest error the clock may have."),
        seconds("timex_estimated_error_seconds", "Estimated error of the clock."),
        gauge("timex_status", "The status bits.", source: "adjtimex(2) status"),
        gauge(
            "timex_loop_time_constant", "Time constant of the phase-locked loop.",
            source: "adjtimex(2) constant"),
        seconds("timex_tick_seconds", "Time between two clock ticks."),
        gauge(
            "timex_pps_frequency_hertz", "Frequency of the pulse a second.", unit: "hertz",
            source: "adjtimex(2) ppsfreq"),
        seconds("timex_pps_jitter_seconds", "Jitter of the pulse."),
        seconds("timex_pps_shift_seconds", "Length of the pulse's interval."),
        gauge(
            "timex_pps_stability_hertz", "Stability of the pulse.", unit: "hertz",
            source: "adjtimex(2) stabil"),
        counter(
            "timex_pps_jitter_total", "Pulses over the jitter limit.", source: "adjtimex(2) jitcnt"),
        counter(
            "timex_pps_calibration_total", "Calibration intervals.", source: "adjtimex(2) calcnt"),
        counter(
            "timex_pps_error_total", "Calibration errors.", source: "adjtimex(2) errcnt"),
        counter(
            "timex_pps_stability_exceeded_total", "Pulses over the stability limit.",
            source: "adjtimex(2) stbcnt"),
        seconds("timex_tai_offset_seconds", "Distance of TAI from UTC."),
    ]

    private static func seconds(_ name: String, _ help: String) -> MetricDescriptor {
        gauge(name, help, unit: "seconds", source: "adjtimex(2)")
    }
}
