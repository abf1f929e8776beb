// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import Synchronization

/// The room of one file system.
struct FileSystemRoom: Hashable, Sendable {
    var mountPoint: String
    var size: Double
    var available: Double
    var files: Double
    var filesFree: Double
}

/// What a reader on another thread found.
struct BackgroundReading: Sendable {
    /// Each series at most once; labels are made anew each time, which is seldom.
    var readings: [SelfReading] = []
    /// File systems, of the reader that has them.
    var rooms: [FileSystemRoom] = []
    /// Things that could not be read.
    var failures = 0
}

/// Reads something that may block, on a thread of its own.
protocol BackgroundReader: Sendable {
    /// Reads everything once.
    func read() -> BackgroundReading
    /// Called when `read` has not come back in time: gives it up, so that another can be started
    /// that leaves out what blocks. False when nothing can be left out.
    func abandon() -> Bool
}

/// Samples the newest finished reading of a `BackgroundReader` and starts another when it is time.
/// Never waits for it, but in tests.
///
/// A reading that hangs is given up after `patience`: the collector is then reported as failed
/// until a later reading succeeds, and samples older than that are not repeated.
final class BackgroundSubsystem: NodeSubsystem {
    let name: String
    private let period: Milliseconds
    private let waits: Bool
    private let reader: any BackgroundReader
    private let shared = Shared()
    private var series: [Key: SeriesRef] = [:]
    private var resolved: [(ref: SeriesRef, value: Double)] = []
    private var generation = 0
    /// The newest finished reading.
    private(set) var latest = BackgroundReading()

    /// How long a reading may take before it is given up, in milliseconds.
    static let patience: Milliseconds = 15_000

    private struct Key: Hashable {
        let name: String
        let labels: Labels
    }

    private enum Step {
        case idle, late
        case start(Int)
    }

    /// What the two threads share.
    private final class Shared: Sendable {
        struct State {
            /// Counts readings begun; one that was given up has an old number.
            var started = 0
            var isRunning = false
            var startedAt: Milliseconds = 0
            var finished = 0
            var reading = BackgroundReading()
        }
        private let state = Mutex(State())

        func next(now: Milliseconds, period: Milliseconds, abandon: () -> Bool) -> Step {
            state.withLock { state in
                if state.isRunning {
                    guard now - state.startedAt > BackgroundSubsystem.patience else {
                        return .idle
                    }
                    guard abandon() else { return .late }
                } else if state.started > 0, now - state.startedAt < period {
                    return .idle
                }
                state.isRunning = true
                state.startedAt = now
                state.started += 1
                return .start(state.started)
            }
        }

        func finish(_ number: Int, _ reading: BackgroundReading) {
            state.withLock { state in
                guard state.started == number else { return }
                state.isRunning = false
                state.finished = number
                state.reading = reading
            }
        }

        /// The newest finished reading, when it is another than `known`.
        func fresh(after known: Int) -> (number: Int, reading: BackgroundReading)? {
            state.withLock { $0.finished == known ? nil : ($0.finished, $0.reading) }
        }
    }

    init(_ name: String, every period: Milliseconds, wait: Bool, reader: any BackgroundReader) {
        self.name = name
        self.period = period
        self.waits = wait
        self.reader = reader
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        let isLate = schedule(now: Clock.monotonicNanoseconds() / 1_000_000)
        if let fresh = shared.fresh(after: generation) { take(fresh.number, fresh.reading, &sink) }
        if isLate {
            latest = BackgroundReading()
            resolved = []
            throw CollectorFailure.late
        }
        for (ref, value) in resolved { sink.batch.append(ref, value) }
        if latest.failures > 0 { throw CollectorFailure.partial }
    }

    /// Starts a reading when one is due; whether the one under way is late.
    private func schedule(now: Milliseconds) -> Bool {
        switch shared.next(now: now, period: period, abandon: { reader.abandon() }) {
        case .idle: return false
        case .late: return true
        case .start(let number):
            if waits {
                Self.run(reader, number, shared)
            } else {
                BlockingThread.start("ullage-\(name)") { [reader, shared] in
                    Self.run(reader, number, shared)
                }
            }
            return false
        }
    }

    private static func run(_ reader: any BackgroundReader, _ number: Int, _ shared: Shared) {
        shared.finish(number, reader.read())
    }

    private func take(_ number: Int, _ reading: BackgroundReading, _ sink: inout NodeSink) {
        generation = number
        latest = reading
        resolved.removeAll(keepingCapacity: true)
        // Series of devices that are gone are forgotten; the store marks them stale.
        var present: [Key: SeriesRef] = [:]
        for one in reading.readings {
            let key = Key(name: one.metric.name, labels: one.labels)
            do {
                let ref =
                    try series[key]
                    ?? sink.appender.series(
                        one.metric, target: sink.targets.take([:], sink.appender),
                        labels: one.labels)
                // A mount point or device listed twice is one series.
                if present.updateValue(ref, forKey: key) == nil {
                    resolved.append((ref, one.value))
                }
            } catch {
                sink.refused += 1
            }
        }
        series = present
    }
}

/// Why a subsystem gave no or not all samples.
enum CollectorFailure: Error {
    /// A reading on another thread does not come back.
    case late
    /// Some of it could not be read.
    case partial
}

/// Asks every local and remote file system of the agent's namespace how full it is.
///
/// One that does not answer, such as NFS whose server is gone, is given up, reported by
/// `node_filesystem_device_error` and not asked again until it answers; the others are not delayed
/// by more than that once.
final class FileSystemReader: BackgroundReader {
    private let root: String
    private struct State {
        var asking: String?
        var stuck: Set<String> = []
    }
    private let state = Mutex(State())

    /// File systems that may hang at a time; with more, all wait.
    static let maxStuck = 16

    init(root: String) { self.root = root == "/" ? "" : root }

    func read() -> BackgroundReading {
        var buffer = ReadBuffer(capacity: 16384)
        var reading = BackgroundReading()
        var mounts: [MountedFileSystem] = []
        if let file = KernelFile(path: root + "/proc/self/mounts") {
            do {
                mounts = try file.readToEnd(into: &buffer) { MountedFileSystem.parse($0) }
            } catch {
                reading.failures += 1
            }
        }
        var seen: Set<[String]> = []
        for mount in mounts where Self.isExported(mount) {
            guard seen.insert([mount.device, mount.type, mount.mountPoint]).inserted else {
                continue
            }
            let labels: Labels = [
                "device": mount.device, "fstype": mount.type, "mountpoint": mount.mountPoint,
            ]
            let use = ask(mount.mountPoint)
            reading.readings.append(
                SelfReading(NodeMetrics.filesystemError, labels, use == nil ? 1 : 0))
            guard let use else { continue }
            let values = [
                use.size, use.free, use.available, use.files, use.filesFree,
                mount.isReadOnly ? 1 : 0,
            ]
            for (metric, value) in zip(NodeMetrics.filesystem, values) {
                reading.readings.append(SelfReading(metric, labels, value))
            }
            guard !mount.isReadOnly, use.size > 0 else { continue }
            reading.rooms.append(
                FileSystemRoom(
                    mountPoint: mount.mountPoint, size: use.size, available: use.available,
                    files: use.files, filesFree: use.filesFree))
        }
        return reading
    }

    func abandon() -> Bool {
        state.withLock { state in
            guard let asking = state.asking, state.stuck.count < Self.maxStuck else { return false }
            state.stuck.insert(asking)
            state.asking = nil
            return true
        }
    }

    private func ask(_ mountPoint: String) -> HostCalls.FileSystemUse? {
        let isStuck = state.withLock { state in
            if state.stuck.contains(mountPoint) { return true }
            state.asking = mountPoint
            return false
        }
        guard !isStuck else { return nil }
        let use = HostCalls.fileSystemUse(root + mountPoint)
        state.withLock { state in
            if state.asking == mountPoint { state.asking = nil }
            state.stuck.remove(mountPoint)
        }
        return use
    }

    /// node_exporter's default choice: no kernel file systems, no containers' layers.
    static func isExported(_ mount: MountedFileSystem) -> Bool {
        guard !kernelTypes.contains(mount.type) else { return false }
        let hidden = ["/dev", "/proc", "/sys", "/run/credentials"]
        let point = mount.mountPoint
        if hidden.contains(where: { point == $0 || point.hasPrefix($0 + "/") }) { return false }
        return !["/var/lib/docker/", "/var/lib/containers/storage/"].contains {
            point.hasPrefix($0)
        }
    }

    private static let kernelTypes: Set<String> = [
        "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
        "devtmpfs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc",
        "procfs", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "erofs", "sysfs",
        "tracefs",
    ]
}
