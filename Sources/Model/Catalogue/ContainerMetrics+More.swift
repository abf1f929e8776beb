// SPDX-License-Identifier: Apache-2.0

/// Measured of each container beyond the core of cAdvisor's table: its newer names where it has
/// them, names of the same pattern where it has none.
extension ContainerMetrics {
    /// Times reclaim reached below memory.low.
    public static let memoryEventsLow = MetricDescriptor(
        "container_memory_events_low_total", .counter,
        help: "Times reclaim reached below memory.low.",
        source: "memory.events low")
    /// Times the limit was reached and an allocation was about to fail.
    public static let memoryEventsOom = MetricDescriptor(
        "container_memory_events_oom_total", .counter,
        help: "Times the limit was reached and an allocation was about to fail.",
        source: "memory.events oom")
    /// Processes killed for want of memory.
    public static let memoryEventsOomKill = MetricDescriptor(
        "container_memory_events_oom_kill_total", .counter,
        help: "Processes killed for want of memory.",
        source: "memory.events oom_kill")
    /// Times the whole group was killed for want of memory.
    public static let memoryEventsOomGroupKill = MetricDescriptor(
        "container_memory_events_oom_group_kill_total", .counter,
        help: "Times the whole group was killed for want of memory.",
        source: "memory.events oom_group_kill")
    /// Periods in which the container used time it had saved up.
    public static let cfsBurstPeriods = MetricDescriptor(
        "container_cpu_cfs_burst_periods_total", .counter,
        help: "Periods in which the container used time it had saved up.",
        source: "cpu.stat nr_bursts")
    /// Saved-up time the container used.
    public static let cfsBurstSeconds = MetricDescriptor(
        "container_cpu_cfs_burst_seconds_total", .counter, unit: "seconds",
        help: "Saved-up time the container used.",
        source: "cpu.stat burst_usec")
    /// 1 when the health check passes, 0 when it does not; absent without one.
    public static let healthState = MetricDescriptor(
        "container_health_state", .gauge,
        help: "1 when the health check passes, 0 when it does not; absent without one.",
        source: "engine")
    /// How often the engine has started the container again.
    public static let restarts = MetricDescriptor(
        "container_restarts_total", .counter,
        help: "How often the engine has started the container again.",
        source: "engine")
}
