// SPDX-License-Identifier: Apache-2.0

import Linux
public import Model

/// One concern of the host, read on the sampling thread: it must not block.
protocol NodeSubsystem: AnyObject {
    /// The name in `collector` labels, node_exporter's where it has one.
    var name: String { get }
    /// Adds this tick's samples. What the host does not have gives none; throws when reading fails.
    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws
}

/// Samples the host by node_exporter's names. Owned by the sampling thread.
///
/// Each subsystem is timed and reported by itself; one that fails leaves the others alone. What can
/// block (file systems, sysfs of devices) is read by `BackgroundReader`s on threads of their own,
/// and the newest finished reading is used.
public final class NodeCollector {
    private let subsystems: [any NodeSubsystem]
    private let targets = TargetPool()
    private let headroom: HostHeadroom
    private var buffer = ReadBuffer(capacity: 16384)
    private var durations: [SeriesRef?]
    private var successes: [SeriesRef?]

    /// Subsystems that failed, since the start, by name.
    public private(set) var errors: [String: Int] = [:]

    /// A collector of the host whose procfs and sysfs are below `root`; tests let it `wait` for
    /// what is read on other threads.
    public init(root: String = "/", wait: Bool = false) {
        subsystems =
            NodeKernel.all(root: root) + NodeDevices.all(root: root)
            + [
                BackgroundSubsystem(
                    "filesystem", every: 10_000, wait: wait,
                    reader: FileSystemReader(root: root)),
                BackgroundSubsystem(
                    "sysfs", every: 10_000, wait: wait, reader: SysfsReader(root: root)),
                BackgroundSubsystem(
                    "identity", every: 60_000, wait: wait, reader: IdentityReader(root: root)),
            ]
        headroom = HostHeadroom(root: root)
        durations = Array(repeating: nil, count: subsystems.count)
        successes = Array(repeating: nil, count: subsystems.count)
    }

    /// Adds the samples of every subsystem.
    public func collect(into batch: inout Batch, appender: any Appender) {
        var sink = NodeSink(
            batch: Batch(timestamp: batch.timestamp), appender: appender, targets: targets)
        swap(&sink.batch, &batch)
        for (i, subsystem) in subsystems.enumerated() {
            let start = Clock.monotonicNanoseconds()
            let refused = sink.refused
            var succeeded = true
            do { try subsystem.collect(into: &sink, buffer: &buffer) } catch { succeeded = false }
            if sink.refused > refused { succeeded = false }
            if !succeeded { errors[subsystem.name, default: 0] += 1 }
            let seconds = Double(Clock.monotonicNanoseconds() - start) / 1e9
            sink.put(
                seconds, &durations[i], NodeMetrics.scrapeDuration, ["collector": subsystem.name])
            sink.put(
                succeeded ? 1 : 0, &successes[i], NodeMetrics.scrapeSuccess,
                ["collector": subsystem.name])
        }
        do {
            try headroom.collect(fileSystems: fileSystems, into: &sink, buffer: &buffer)
        } catch {
            errors["headroom", default: 0] += 1
        }
        swap(&sink.batch, &batch)
    }

    /// The file systems' room, as of the newest reading: for headroom.
    var fileSystems: [FileSystemRoom] {
        for case let background as BackgroundSubsystem in subsystems
        where background.name == "filesystem" {
            return background.latest.rooms
        }
        return []
    }
}
