// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Linux
public import Model
import Synchronization

/// Notices by the kernel's own word (inotify(7) on `cgroup.events` and `memory.events`, cgroup-v2.rst)
/// when a container's last process ends and when the kernel kills one for want of memory, between
/// two ticks too. A container's totals are read at that moment, before its engine removes the cgroup:
/// so one that lived for less than a tick is counted.
///
/// Needs cgroup v2; two watches a container, no descriptors.
public final class CgroupWatch: Sendable {
    /// What was noticed.
    public enum Notice: Sendable {
        /// The last process of a container has ended; it had used so much since its start.
        case ended(ContainerKey, ContainerTotals)
        /// Processes of a container that were killed for want of memory since its start.
        case outOfMemory(ContainerKey, kills: Int64)
    }

    private struct Watched {
        let key: ContainerKey
        let path: String
        let isMemory: Bool
    }

    /// The watches of one life of a container.
    private struct Watches {
        let path: String
        let startTicks: UInt64?
        var numbers: [Int32] = []
    }

    private struct State: ~Copyable {
        let inotify: Inotify
        var watched: [Int32: Watched] = [:]
        var watches: [ContainerKey: Watches] = [:]
    }

    private let state: Mutex<State>
    private let descriptor: Int32
    private let wakeup: Wakeup
    private let hierarchies: CgroupHierarchies
    private let deliver: @Sendable (Notice) -> Void
    /// Containers watched; the kernel's default for a user's watches was 8192 for long.
    private static let maxContainers = 3000

    /// A watch that tells `deliver`, from its own thread; nil without cgroup v2, or when the user's
    /// inotify instances are used up.
    public init?(
        hierarchies: CgroupHierarchies = CgroupHierarchies(),
        deliver: @escaping @Sendable (Notice) -> Void
    ) {
        guard hierarchies.unified != nil, let wakeup = try? Wakeup(),
            let inotify = try? Inotify()
        else { return nil }
        self.hierarchies = hierarchies
        self.wakeup = wakeup
        self.deliver = deliver
        descriptor = inotify.descriptor.raw
        state = Mutex(State(inotify: inotify))
    }

    /// Watches those of `containers` that run, and no others. One that is there twice is taken as it
    /// is first.
    public func update(_ containers: [Container]) {
        guard let mount = hierarchies.unified else { return }
        var ended: [Watched] = []
        state.withLock { state in
            var present: Set<ContainerKey> = []
            for container in containers {
                guard let path = container.cgroupPath, container.state == .running,
                    present.insert(container.key).inserted
                else { continue }
                let life = Watches(path: path, startTicks: container.initStartTicks)
                if let known = state.watches[container.key], known.path == path,
                    known.startTicks == life.startTicks
                {
                    continue
                }
                Self.forget(container.key, &state)
                guard state.watches.count < Self.maxContainers else { continue }
                Self.watch(container.key, life, mount + path, &state)
                // It may have ended before the watch was there.
                ended.append(Watched(key: container.key, path: path, isMemory: false))
            }
            for key in Array(state.watches.keys) where !present.contains(key) {
                Self.forget(key, &state)
            }
        }
        var buffer = ReadBuffer()
        for watched in ended { look(at: watched, &buffer) }
    }

    private static func watch(
        _ key: ContainerKey, _ life: Watches, _ directory: String, _ state: inout State
    ) {
        var life = life
        for (name, isMemory) in [("cgroup.events", false), ("memory.events", true)] {
            guard
                let number = try? state.inotify.watch("\(directory)/\(name)", Int32(IN_MODIFY))
            else { continue }
            state.watched[number] = Watched(
                key: key, path: life.path, isMemory: isMemory)
            life.numbers.append(number)
        }
        state.watches[key] = life
    }

    private static func forget(_ key: ContainerKey, _ state: inout State) {
        for number in state.watches.removeValue(forKey: key)?.numbers ?? [] {
            state.inotify.unwatch(number)
            state.watched[number] = nil
        }
    }

    /// Waits for notices on a thread of its own until the task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                BlockingThread.start("cgroup-watch") {
                    self.wait()
                    done.resume()
                }
            }
        } onCancel: {
            wakeup.wake()
        }
    }

    private func wait() {
        var buffer = ReadBuffer()
        while !wakeup.wait(with: descriptor, milliseconds: -1) {
            let changed = state.withLock { state in
                var numbers: Set<Int32> = []
                var isAll = false
                state.inotify.drain { event in
                    numbers.insert(event.watch)
                    isAll = isAll || event.overflowed
                }
                return isAll
                    ? Array(state.watched.values) : numbers.compactMap { state.watched[$0] }
            }
            for watched in changed { look(at: watched, &buffer) }
        }
    }

    private func look(at watched: Watched, _ buffer: inout ReadBuffer) {
        guard let mount = hierarchies.unified else { return }
        let directory = mount + watched.path
        if watched.isMemory {
            let events = KernelFile.readOnce(
                path: directory + "/memory.events", into: &buffer, { MemoryEvents($0) })
            if let kills = events?.oomKill { deliver(.outOfMemory(watched.key, kills: kills)) }
            return
        }
        var populated: Int64?
        KernelFile.readOnce(path: directory + "/cgroup.events", into: &buffer) { bytes in
            FlatKeyed.parse(bytes) { key, value in
                if key.equals("populated") { populated = value }
            }
        }
        guard populated == 0 else { return }
        var totals = ContainerTotals(directory: directory, &buffer)
        // Where v1 has controllers, the rest is there.
        if !hierarchies.legacy.isEmpty {
            let reader = CgroupReader(
                path: watched.path, in: hierarchies, keepingDescriptors: false)
            if let reading = reader?.read(into: &buffer) { totals.add(reading) }
        }
        // A group that nobody has been in yet is empty, too.
        guard (totals.cpuSeconds ?? 0) > 0 else { return }
        deliver(.ended(watched.key, totals))
    }
}

extension ContainerTotals {
    /// The sums of a v2 group. It may be removed at any moment, so no more is read than they need,
    /// what matters most first.
    init(directory: String, _ buffer: inout ReadBuffer) {
        self.init()
        KernelFile.readOnce(path: directory + "/cpu.stat", into: &buffer) { bytes in
            var cpu = CPUStat()
            cpu.parse(bytes)
            cpuSeconds = cpu.usage.map { Double($0) / 1e6 }
        }
        memoryPeak = KernelFile.readOnce(path: directory + "/memory.peak", into: &buffer) {
            FlatKeyed.single($0)
        }.flatMap { $0 }
        var devices: [IOStat] = []
        KernelFile.readOnce(path: directory + "/io.stat", into: &buffer) {
            IOStat.parse($0, into: &devices)
        }
        add(devices)
    }

    /// Adds what is not known yet of a reading.
    mutating func add(_ reading: borrowing CgroupReading) {
        cpuSeconds = cpuSeconds ?? reading.cpu.usage.map { Double($0) / 1e6 }
        memoryPeak = memoryPeak ?? reading.memoryPeak
        if readBytes == nil { add(reading.devices) }
    }

    private mutating func add(_ devices: [IOStat]) {
        guard !devices.isEmpty else { return }
        readBytes = devices.reduce(0) { $0 &+ $1.readBytes }
        writtenBytes = devices.reduce(0) { $0 &+ $1.writeBytes }
    }
}
