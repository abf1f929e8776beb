// SPDX-License-Identifier: Apache-2.0

public import Linux
public import Model

/// How many processes of a container the kernel has killed for want of memory since it started.
public struct ContainerKills: Sendable {
    /// Which container.
    public let key: ContainerKey
    /// How many.
    public let kills: Int64
}

/// Samples all containers. Owned by the sampling thread.
///
/// A container has its samples from the tick after it was found until the one in which it is gone;
/// its labels are `id` (the cgroup's path), `name` and `image`, as cAdvisor has them, in a pod also
/// `namespace`, `pod` and `container`, and the labels
/// allowed by the options as `container_label_*`.
public final class ContainerCollector {
    /// What the operator may choose.
    public struct Options: Sendable {
        /// Container labels to export. None by default: each value makes series of its own.
        public var labels: [String] = []
        /// Descriptors kept for reading; with more containers, files are opened at each tick.
        public var descriptorBudget = 16_000

        /// The defaults.
        public init() {}
    }

    private var samplers: [String: ContainerSampler] = [:]
    /// The same in the order in which they are sampled.
    private var ordered: [ContainerSampler] = []
    /// The list that was taken over last.
    private var list: [Container] = []
    private var options: Options
    private let hierarchies: CgroupHierarchies
    private var buffer = ReadBuffer()
    private let proc: String
    private let host: HostConfinement
    private let slow: ContainerSlowReader
    private let slowGroups: SlowCgroups
    /// Nanoseconds after which a reading of a cgroup is long.
    private let longReading: Int64
    /// Which sampler has the series of a network namespace, by the namespace's inode.
    private var networks: [UInt64: String] = [:]
    /// Containers that run no more, as they were last seen.
    private var ended: [Container] = []

    /// What was read of a container's log, for containers of engines that do not count it.
    public var tailed: (ContainerKey) -> LogCounters? = { _ in nil }

    /// Counters that went back and were held, since the start.
    public private(set) var held = 0
    /// Readings that failed, since the start.
    public private(set) var errors = 0

    /// A collector for this host's hierarchies. A cgroup that takes `longReading` nanoseconds to read
    /// is read on a thread of its own from then on.
    public init(
        hierarchies: CgroupHierarchies = CgroupHierarchies(), options: Options = Options(),
        proc: String = "/proc", longReading: Int64 = 50_000_000
    ) {
        self.proc = proc
        self.longReading = longReading
        slowGroups = SlowCgroups(hierarchies: hierarchies, limit: longReading)
        host = HostConfinement(proc: proc)
        slow = ContainerSlowReader(hierarchies: hierarchies, proc: proc)
        self.hierarchies = hierarchies
        self.options = options
    }

    /// Changes the options for containers found from now on.
    public func setOptions(_ options: Options) { self.options = options }

    /// Takes over the list of containers: new ones are registered, those that went are retired.
    public func update(_ containers: [Container], appender: any Appender) {
        // The same array as before has the same containers; ours keeps it from being another.
        guard !Self.isSame(containers, list) || list.isEmpty else { return }
        list = containers
        var seen: Set<String> = []
        var hasChanged = false
        ended = containers.filter { $0.state != .running }
        for container in containers where container.state == .running {
            let key = container.engine.rawValue + container.id
            seen.insert(key)
            if let sampler = samplers[key],
                sampler.container.initStartTicks == container.initStartTicks,
                sampler.container.initPID == container.initPID,
                sampler.container.cgroupPath == container.cgroupPath,
                sampler.container.name == container.name,
                sampler.labels == labels(container)
            {
                sampler.update(container)
                continue
            }
            hasChanged = true
            samplers.removeValue(forKey: key).map {
                appender.retire($0.target)
                slowGroups.remove($0.key)
            }
            do {
                samplers[key] = try ContainerSampler(
                    container, labels: labels(container), appender: appender,
                    hierarchies: hierarchies,
                    keepDescriptors: descriptors < options.descriptorBudget)
                attachNetwork(container, key: key)
            } catch {
                errors += 1
                // To be tried again at the next tick.
                list = []
            }
        }
        for (key, sampler) in samplers where !seen.contains(key) {
            appender.retire(sampler.target)
            slowGroups.remove(sampler.key)
            samplers[key] = nil
            hasChanged = true
            networks = networks.filter { $0.value != key }
        }
        if hasChanged {
            ordered = samplers.sorted { $0.key < $1.key }.map(\.value)
            updateSlowReader()
        }
    }

    private static func isSame(_ a: [Container], _ b: [Container]) -> Bool {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in a.baseAddress == b.baseAddress && a.count == b.count }
        }
    }

    deinit {
        slow.stop()
        slowGroups.stop()
    }

    private func updateSlowReader() {
        slow.update(
            samplers.compactMap { key, sampler in
                let container = sampler.container
                guard container.engine != .systemd, container.engine != .cgroup,
                    let pid = container.initPID, let ticks = container.initStartTicks,
                    let path = container.cgroupPath
                else { return nil }
                var log: String?
                if case .jsonFile(let path) = container.logSource { log = path }
                // The embedded runtime's shim mounts from the container's own directory.
                let directory = container.logCountersPath.flatMap { path in
                    path.lastIndex(of: "/").map { String(path[..<$0]) }
                }
                return ContainerSlowReader.Subject(
                    key: key, pid: pid, startTicks: ticks, cgroupPath: path, logPath: log,
                    directory: directory,
                    ownsNetwork: sampler.network != nil, box: sampler.slowly)
            })
    }

    /// Adds the samples of every container, or of those that have had none. One that fails leaves the others alone.
    public func collect(
        into batch: inout Batch, appender: any Appender, onlyNew: Bool = false
    ) {
        for sampler in ordered where !onlyNew || !sampler.hasSampled {
            var taken: CgroupReading?
            if sampler.isSlow {
                guard let latest = slowGroups.latest(sampler.key) else { continue }
                taken = latest.reading
                if latest.quickReadings >= 30 { setSlow(sampler, false) }
            }
            do {
                let outcome = try sampler.sample(
                    into: &batch, appender: appender, host: host, proc: proc, buffer: &buffer,
                    tailed: sampler.isTailed ? tailed(sampler.key) : nil, taken: taken)
                judge(sampler)
                held += outcome.held
                errors += outcome.errors
            } catch {
                errors += 1
            }
        }
    }

    /// Two long readings in a row, and the container's cgroup is read elsewhere.
    private func judge(_ sampler: ContainerSampler) {
        guard !sampler.isSlow, sampler.readingTime >= longReading else {
            sampler.longReadings = 0
            return
        }
        sampler.longReadings += 1
        if sampler.longReadings >= 2 { setSlow(sampler, true) }
    }

    private func setSlow(_ sampler: ContainerSampler, _ isSlow: Bool) {
        sampler.longReadings = 0
        sampler.isSlow = isSlow
        if isSlow, let path = sampler.container.cgroupPath {
            slowGroups.add(sampler.key, path: path)
        } else {
            slowGroups.remove(sampler.key)
        }
    }

    /// Containers whose cgroups take so long to read that they are read apart.
    var slowContainers: Int { slowGroups.count }

    /// What each container uses, as of the last tick; those that ended have no numbers.
    public var stats: [ContainerStats] {
        ordered.map(\.stats)
            + ended.map { ContainerStats(container: $0, timestamp: $0.finishedAt ?? $0.createdAt) }
    }

    /// Processes that were killed for want of memory, of containers of which that is known.
    var kills: [ContainerKills] {
        ordered.compactMap { sampler in
            sampler.oomKills.map { ContainerKills(key: sampler.key, kills: $0) }
        }
    }

    /// How each running container is confined.
    public var findings: [(Container, [AuditFinding])] {
        ordered.map { ($0.container, $0.findings) }.filter { !$0.1.isEmpty }
    }

    private var descriptors: Int { samplers.values.reduce(0) { $0 + $1.descriptors } }

    /// Gives the network namespace's series to the first container found in it. Units and bare
    /// cgroups have none of their own.
    private func attachNetwork(_ container: Container, key: String) {
        guard container.engine != .systemd, container.engine != .cgroup,
            let pid = container.initPID, let ticks = container.initStartTicks,
            let namespace = ContainerNetwork.namespace(of: "\(pid)", proc: proc),
            namespace != ContainerNetwork.namespace(of: "self", proc: proc)
        else { return }
        if let owner = networks[namespace], owner != key, samplers[owner]?.network != nil {
            return
        }
        samplers[key]?.network = ContainerNetwork(
            pid: pid, startTicks: ticks, proc: proc, buffer: &buffer)
        networks[namespace] = key
    }

    /// cAdvisor's `name`: none for a group that no engine runs, the identifier in a pod.
    private func name(_ container: Container) -> String {
        switch container.engine {
        case .systemd, .cgroup: ""
        default: container.kubernetes == nil ? container.name : container.id
        }
    }

    private func labels(_ container: Container) -> Labels {
        var labels: Labels = [
            "id": container.cgroupPath ?? "/" + container.id,
            "name": name(container),
            "image": container.image,
        ]
        if let names = container.kubernetes {
            labels["namespace"] = names.namespace
            labels["pod"] = names.pod
            labels["container"] = names.container
        }
        for key in options.labels {
            guard let value = container.labels[key] else { continue }
            let name = String(key.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
            labels["container_label_" + name] = value
        }
        return labels
    }
}
