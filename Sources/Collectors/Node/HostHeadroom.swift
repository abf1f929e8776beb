// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// Room left of the host's own limits, and when it runs out: memory, threads, open files, tracked
/// connections, and each writable file system's bytes and inodes.
///
/// The metrics are the containers', without a container's labels; those of file systems have
/// `mountpoint`. Owned by the sampling thread.
final class HostHeadroom {
    private struct Subject {
        let resource: String
        let labels: Labels
        var trend = Trend()
        var ratio: SeriesRef?
        var bytes: SeriesRef?
        var time: SeriesRef?
        var seconds: Double?
    }

    private let meminfo: ProcFile
    private let loadavg: ProcFile
    private let threadsMax: ProcFile
    private let files: ProcFile
    private let tracked: ProcFile
    private let trackedMax: ProcFile
    private let pressures: [(resource: String, file: ProcFile)]
    private var saturation: [SeriesRef?] = [nil, nil, nil]
    private var subjects: [Labels: Subject] = [:]
    private var ticks = 0

    init(root: String) {
        func file(_ path: String) -> ProcFile { ProcFile(path, root: root) }
        meminfo = file("/proc/meminfo")
        loadavg = file("/proc/loadavg")
        threadsMax = file("/proc/sys/kernel/threads-max")
        files = file("/proc/sys/fs/file-nr")
        tracked = file("/proc/sys/net/netfilter/nf_conntrack_count")
        trackedMax = file("/proc/sys/net/netfilter/nf_conntrack_max")
        pressures = ["cpu", "memory", "io"].map { ($0, file("/proc/pressure/" + $0)) }
    }

    func collect(
        fileSystems: [FileSystemRoom], into sink: inout NodeSink, buffer: inout ReadBuffer
    ) throws {
        ticks += 1
        if let memory = try memory(&buffer) {
            put("memory", used: memory.used, limit: memory.limit, isBytes: true, [:], &sink)
        }
        let threads = try loadavg.read(into: &buffer) { Self.threads($0) } ?? nil
        if let threads, let limit = try threadsMax.number(&buffer) {
            put("threads", used: threads, limit: Double(limit), [:], &sink)
        }
        if let open = try files.read(into: &buffer, { Self.fileNumbers($0) }) ?? nil {
            put("files", used: open.used, limit: open.limit, [:], &sink)
        }
        if let count = try tracked.number(&buffer), let limit = try trackedMax.number(&buffer) {
            put("conntrack", used: Double(count), limit: Double(limit), [:], &sink)
        }
        for room in fileSystems {
            let mount: Labels = ["mountpoint": room.mountPoint]
            put(
                "disk", used: room.size - room.available, limit: room.size, isBytes: true, mount,
                &sink)
            put("inodes", used: room.files - room.filesFree, limit: room.files, mount, &sink)
        }
        for (i, pressure) in pressures.enumerated() {
            let reading = try pressure.file.read(into: &buffer) { Pressure($0) }
            guard let share = reading?.someAverage10 else { continue }
            sink.put(
                share, &saturation[i], ContainerMetrics.saturationRatio,
                ["resource": pressure.resource])
        }
    }

    private func put(
        _ resource: String, used: Double, limit: Double, isBytes: Bool = false,
        _ labels: Labels, _ sink: inout NodeSink
    ) {
        // A limit without end, such as file-nr's, is none.
        guard limit > 0, limit < 9e18 else { return }
        let key = labels.merging(["resource": resource])
        var subject = subjects[key] ?? Subject(resource: resource, labels: key)
        subject.trend.add(used, at: Double(sink.batch.timestamp) / 1000)
        if ticks % 4 == 0 { subject.seconds = subject.trend.timeToReach(limit, from: used) }
        sink.put(
            min(1, max(0, 1 - used / limit)), &subject.ratio, ContainerMetrics.headroomRatio,
            subject.labels)
        if isBytes {
            sink.put(
                max(0, limit - used), &subject.bytes, ContainerMetrics.headroomBytes,
                subject.labels)
        }
        if let seconds = subject.seconds {
            sink.put(seconds, &subject.time, ContainerMetrics.timeToFull, subject.labels)
        }
        subjects[key] = subject
    }

    /// Memory that cannot be given to a new process, of all.
    private func memory(_ buffer: inout ReadBuffer) throws -> (used: Double, limit: Double)? {
        var total: Int64?
        var available: Int64?
        _ = try meminfo.read(into: &buffer) { bytes in
            FlatKeyed.parse(bytes) { key, value in
                if key.equals("MemTotal:") { total = value }
                if key.equals("MemAvailable:") { available = value }
            }
        }
        guard let total, let available else { return nil }
        return (Double(total - min(available, total)) * 1024, Double(total) * 1024)
    }

    private static func threads(_ bytes: UnsafeRawBufferPointer) -> Double? {
        guard let slash = bytes.firstIndex(of: 0x2f) else { return nil }
        var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: bytes[(slash + 1)...]))
        return scanner.number().map { Double($0) }
    }

    private static func fileNumbers(
        _ bytes: UnsafeRawBufferPointer
    ) -> (used: Double, limit: Double)? {
        var scanner = ByteScanner(bytes)
        let open = scanner.number()
        scanner.skipBlanks()
        _ = scanner.number()
        scanner.skipBlanks()
        guard let open, let limit = scanner.number() else { return nil }
        return (Double(open), Double(limit))
    }
}
