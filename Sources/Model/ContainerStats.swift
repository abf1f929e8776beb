// SPDX-License-Identifier: Apache-2.0

/// What a container uses right now: one row of `ullage stats` and of the demo's table.
///
/// Derived by the container collector from two readings; nil where the host does not tell.
public struct ContainerStats: Hashable, Sendable {
    /// The container.
    public var container: Container
    /// When the later of the two readings was taken.
    public var timestamp: Milliseconds
    /// Cores in use: 1.0 is one core's whole time.
    public var cpuCores: Double?
    /// Share of scheduling periods in which the container was held back by its quota, 0 to 1.
    public var throttledRatio: Double?
    /// Bytes charged to the container, page cache included.
    public var memoryUsage: Int64?
    /// Bytes that cannot be reclaimed at once: usage less inactive file pages.
    public var memoryWorkingSet: Int64?
    /// Bytes it may use; nil for no limit.
    public var memoryLimit: Int64?
    /// Room left of the tightest limit it has, 0 (full) to 1 (empty); nil without limits.
    public var headroomRatio: Double?
    /// Which resource is the tightest: `memory`, `cpu` or `pids`.
    public var headroomResource: String?
    /// Seconds until the first resource is full at its present trend; nil when none grows.
    public var timeToFull: Double?
    /// Processes and threads.
    public var pids: Int64?
    /// Processes and threads allowed; nil for no limit.
    public var pidsLimit: Int64?
    /// Bytes per second read from block devices.
    public var ioReadRate: Double?
    /// Bytes per second written to block devices.
    public var ioWriteRate: Double?
    /// Bytes read from block devices since its start.
    public var ioReadBytes: Int64?
    /// Bytes written to block devices since its start.
    public var ioWrittenBytes: Int64?
    /// Bytes received by its network namespace; nil where that is the host's or another's.
    public var networkReceivedBytes: Int64?
    /// Bytes transmitted by its network namespace.
    public var networkTransmittedBytes: Int64?
    /// Seconds in which its quota held it back, since its start.
    public var throttledSeconds: Double?
    /// Share of the last ten seconds in which some task waited for a processor, 0 to 1.
    public var cpuPressure: Double?
    /// Share of the last ten seconds in which some task waited for memory, 0 to 1.
    public var memoryPressure: Double?
    /// Share of the last ten seconds in which some task waited for a block device, 0 to 1.
    public var ioPressure: Double?
    /// Lines of output per second.
    public var logLineRate: Double?
    /// Processes the kernel killed for want of memory since the container started.
    public var oomKills: Int64?

    /// A row with nothing known yet.
    public init(container: Container, timestamp: Milliseconds) {
        self.container = container
        self.timestamp = timestamp
    }
}
