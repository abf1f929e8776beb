// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model
import Synchronization

/// What of a container takes long to find out: open files, sockets, bytes of its writable layer and
/// of its log.
struct SlowReading: Sendable {
    var processes: Int64?
    var descriptors: Int64?
    /// TCP sockets by state, in `SocketStates.names`' order.
    var sockets: [Int64]?
    var retransmits: Int64?
    /// Connections that the kernel tracks in its network namespace.
    var tracked: Int64?
    var layer: TreeSize?
    var layerDevice = ""
    /// Bytes of the file system that the layer is on.
    var layerLimit: Int64?
    var logBytes: Int64?
}

/// The newest slow reading of one container; written by the reader's thread.
final class SlowReadingBox: Sendable {
    private let reading = Mutex(SlowReading())
    private let number = Atomic<Int>(0)

    /// Differs from reading to reading.
    var version: Int { number.load(ordering: .acquiring) }

    var value: SlowReading {
        get { reading.withLock { $0 } }
        set {
            reading.withLock { $0 = newValue }
            number.add(1, ordering: .releasing)
        }
    }
}

/// Reads them on a thread of its own, one container after the other, so that a slow disk or a huge
/// tree never delays a tick. Each thing is read again when it is due: descriptors every 15 s,
/// sockets and trees once a minute, but none for more than a thousandth of a core's time, which the
/// containers share.
final class ContainerSlowReader: Sendable {
    /// A container to look at.
    struct Subject: Sendable {
        let key: String
        let pid: Int32
        let startTicks: UInt64
        let cgroupPath: String
        let logPath: String?
        /// Where its engine works; a relative path in its mounts begins there.
        let directory: String?
        /// Whether it has a network namespace of its own, whose series it has.
        let ownsNetwork: Bool
        /// Where the readings go.
        let box: SlowReadingBox
    }

    private struct Due {
        var descriptors: Int64 = 0
        var sockets: Int64 = 0
        var layer: Int64 = 0
    }

    private struct State {
        var subjects: [Subject] = []
        var isStarted = false
        var isStopped = false
    }

    private let state = Mutex(State())
    private let hierarchies: CgroupHierarchies
    private let proc: String
    private let wakeup: Wakeup?

    private static let second: Int64 = 1_000_000_000
    /// Entries of a layer that are counted.
    private static let budget: Int64 = 100_000

    init(hierarchies: CgroupHierarchies, proc: String) {
        self.hierarchies = hierarchies
        self.proc = proc
        wakeup = try? Wakeup()
    }

    /// Ends the thread.
    func stop() {
        state.withLock { $0.isStopped = true }
        wakeup?.wake()
    }

    /// Takes over whom to look at; the thread starts with the first.
    func update(_ subjects: [Subject]) {
        let starts = state.withLock { state in
            state.subjects = subjects
            defer { if !subjects.isEmpty { state.isStarted = true } }
            return !state.isStarted && !subjects.isEmpty
        }
        guard starts, wakeup != nil else { return }
        BlockingThread.start("slow-reader") { [self] in run() }
    }

    private func run() {
        ThreadPriority.readWhenIdle()
        var due: [String: Due] = [:]
        while wakeup?.wait(milliseconds: 1000) == false {
            let subjects = state.withLock { $0.isStopped ? nil : $0.subjects }
            guard let subjects else { return }
            let keys = Set(subjects.map(\.key))
            due = due.filter { keys.contains($0.key) }
            for subject in subjects {
                read(subject, &due[subject.key, default: Due()], share: Int64(subjects.count))
                if state.withLock({ $0.isStopped }) { return }
            }
        }
    }

    /// Reads what is due of one container. `share` containers divide the time there is.
    private func read(_ subject: Subject, _ due: inout Due, share: Int64) {
        let now = Clock.monotonicNanoseconds()
        let isAny = now >= due.descriptors || now >= due.sockets || now >= due.layer
        guard isAny, isSame(subject) else { return }
        var reading = subject.box.value
        /// When something that is read now is due again.
        func next(after seconds: Int64, _ body: () -> Void) -> Int64 {
            let start = Clock.threadNanoseconds()
            body()
            let took = Clock.threadNanoseconds() - start
            return now + max(seconds * Self.second, took * 1000 * share)
        }
        if now >= due.descriptors {
            due.descriptors = next(after: 15) { readDescriptors(subject, &reading) }
        }
        if now >= due.sockets {
            due.sockets = next(after: 60) {
                if subject.ownsNetwork { readSockets(subject, &reading) }
            }
        }
        if now >= due.layer {
            let start = Clock.monotonicNanoseconds()
            due.layer = next(after: 60) { readLayer(subject, &reading) }
            // A slow disk is left in peace for longer.
            due.layer = max(due.layer, now + (Clock.monotonicNanoseconds() - start) * 1000)
        }
        // A process that ended meanwhile may have been another's.
        guard isSame(subject) else { return }
        subject.box.value = reading
    }

    private func isSame(_ subject: Subject) -> Bool {
        var buffer = ReadBuffer(capacity: 1024)
        let stat = KernelFile.readOnce(path: "\(proc)/\(subject.pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        return stat.flatMap { $0 }.map { UInt64($0.startTicks) == subject.startTicks } ?? false
    }

    private func readDescriptors(_ subject: Subject, _ reading: inout SlowReading) {
        let pids = ProcessList.pids(inCgroup: subject.cgroupPath, of: hierarchies)
        guard !pids.isEmpty else { return }
        reading.processes = Int64(pids.count)
        var total: Int64 = 0
        var isKnown = false
        for pid in pids {
            // Since Linux 6.2 the size of the directory is the number of entries (proc(5)).
            var status = stat()
            guard stat("\(proc)/\(pid)/fd", &status) == 0, status.st_size > 0 else { continue }
            total += Int64(status.st_size)
            isKnown = true
        }
        reading.descriptors = isKnown ? total : nil
        reading.logBytes = subject.logPath.map(Self.logBytes)
    }

    /// A log file and the older ones beside it: `NAME`, `NAME.1`, `NAME.2.gz`.
    private static func logBytes(_ path: String) -> Int64 {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = String(path[..<slash])
        let name = path[path.index(after: slash)...]
        var total: Int64 = 0
        for file in DirectoryListing.files(directory, limit: 512) where file.hasPrefix(name) {
            var status = stat()
            if lstat("\(directory)/\(file)", &status) == 0 { total += Int64(status.st_size) }
        }
        return total
    }

    private func readSockets(_ subject: Subject, _ reading: inout SlowReading) {
        reading.sockets = SocketStates.count(of: subject.pid, proc: proc)
        var buffer = ReadBuffer()
        KernelFile.readOnce(path: "\(proc)/\(subject.pid)/net/snmp", into: &buffer) { bytes in
            // Two lines of `Tcp:`, the names and the numbers.
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
                .filter { $0.hasPrefix("Tcp:") }.map { $0.split(separator: " ") }
            guard lines.count == 2, let at = lines[0].firstIndex(of: "RetransSegs"),
                at < lines[1].count
            else { return }
            reading.retransmits = Int64(lines[1][at])
        }
        // A line for each processor; each begins with the entries of the namespace, in hexadecimal.
        reading.tracked = KernelFile.readOnce(
            path: "\(proc)/\(subject.pid)/net/stat/nf_conntrack", into: &buffer
        ) { bytes in
            String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().first?
                .split(separator: " ").first.flatMap { Int64($0, radix: 16) }
        }.flatMap { $0 }
    }

    private func readLayer(_ subject: Subject, _ reading: inout SlowReading) {
        var buffer = ReadBuffer()
        let security = ProcessSecurity(pid: "\(subject.pid)", proc: proc, buffer: &buffer)
        let root = security?.mounts.last { $0.mountPoint == "/" }
        // The path is one of the host's mount namespace, where the engine mounted it.
        guard var upper = root?.upperDirectory else { return }
        if !upper.hasPrefix("/") {
            guard let directory = subject.directory else { return }
            upper = directory + "/" + upper
        }
        var status = stat()
        guard lstat(upper, &status) == 0 else { return }
        reading.layer = TreeSize(path: upper, budget: Self.budget)
        reading.layerDevice = DeviceNames.name(of: UInt64(status.st_dev))
        var system = statvfs()
        if statvfs(upper, &system) == 0 {
            reading.layerLimit = Int64(system.f_blocks) * Int64(system.f_frsize)
        }
    }
}

/// The series of the slow readings of one container.
struct SlowSeries {
    private var known: [String: SeriesRef] = [:]
    private var retransmits = -Double.infinity
    /// What is sampled until there is another reading.
    private var samples: [(series: SeriesRef, value: Double)] = []
    private var version = 0

    static let metrics: [MetricDescriptor] = [
        ContainerMetrics.processes, ContainerMetrics.fileDescriptors,
        ContainerMetrics.tcpSockets, ContainerMetrics.tcpRetransmits, ContainerMetrics.fsUsage,
        ContainerMetrics.trackedConnections,
        ContainerMetrics.fsLimit, ContainerMetrics.fsInodes, ContainerMetrics.logFileBytes,
    ]

    mutating func sample(
        _ box: SlowReadingBox, into batch: inout Batch, appender: any Appender, target: TargetRef
    ) throws {
        let newest = box.version
        if newest != version {
            version = newest
            samples.removeAll(keepingCapacity: true)
            try take(box.value, appender, target)
        }
        for (series, value) in samples { batch.append(series, value) }
    }

    private mutating func take(
        _ reading: SlowReading, _ appender: any Appender, _ target: TargetRef
    ) throws {
        func add(_ metric: MetricDescriptor, _ labels: Labels, _ value: Double?) throws {
            guard let value else { return }
            let key = metric.name + (labels.pairs.first?.value ?? "")
            let ref: SeriesRef
            if let found = known[key] {
                ref = found
            } else {
                ref = try appender.series(metric, target: target, labels: labels)
                known[key] = ref
            }
            samples.append((ref, value))
        }
        try add(ContainerMetrics.processes, [:], reading.processes.map { Double($0) })
        try add(ContainerMetrics.fileDescriptors, [:], reading.descriptors.map { Double($0) })
        try add(ContainerMetrics.logFileBytes, [:], reading.logBytes.map { Double($0) })
        try add(ContainerMetrics.trackedConnections, [:], reading.tracked.map { Double($0) })
        if let count = reading.retransmits {
            retransmits = max(retransmits, Double(count))
            try add(ContainerMetrics.tcpRetransmits, [:], retransmits)
        }
        for (name, count) in zip(SocketStates.names, reading.sockets ?? [])
        where count > 0 || known[ContainerMetrics.tcpSockets.name + name] != nil {
            try add(ContainerMetrics.tcpSockets, ["tcp_state": name], Double(count))
        }
        guard let layer = reading.layer else { return }
        let labels: Labels = ["device": reading.layerDevice]
        try add(ContainerMetrics.fsUsage, labels, Double(layer.bytes))
        try add(ContainerMetrics.fsInodes, labels, Double(layer.inodes))
        try add(ContainerMetrics.fsLimit, labels, reading.layerLimit.map { Double($0) })
    }
}
