// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import Synchronization

/// Reads the cgroups that take long to read, such as those with very many dying groups below them,
/// on a thread of its own, so that they do not hold up the others. A tick takes their last reading.
///
/// Each is read again after ten times as long as the reading took, once a second at most.
final class SlowCgroups: Sendable {
    /// The last reading of a group.
    struct Latest {
        let reading: CgroupReading
        /// How many readings in a row did not take long.
        let quickReadings: Int
    }

    private struct State {
        var paths: [ContainerKey: String] = [:]
        var latest: [ContainerKey: Latest] = [:]
        var isStarted = false
        var isStopped = false
    }

    /// What the thread has of a group.
    private struct Group {
        let path: String
        let reader: CgroupReader?
        var due: Int64 = 0
        var quickReadings = 0
    }

    private let state = Mutex(State())
    private let hierarchies: CgroupHierarchies
    private let limit: Int64
    private let wakeup: Wakeup?

    /// Readings of `limit` nanoseconds are long.
    init(hierarchies: CgroupHierarchies, limit: Int64) {
        self.hierarchies = hierarchies
        self.limit = limit
        wakeup = try? Wakeup()
    }

    /// How many groups there are.
    var count: Int { state.withLock { $0.paths.count } }

    /// Takes over a container's group. The thread starts with the first.
    func add(_ key: ContainerKey, path: String) {
        let starts = state.withLock { state in
            state.paths[key] = path
            defer { state.isStarted = true }
            return !state.isStarted
        }
        if starts { BlockingThread.start("slow-cgroups") { [self] in run() } }
    }

    /// Gives up a container's group.
    func remove(_ key: ContainerKey) {
        state.withLock { state in
            state.paths[key] = nil
            state.latest[key] = nil
        }
    }

    /// The last reading; nil when there is none yet.
    func latest(_ key: ContainerKey) -> Latest? { state.withLock { $0.latest[key] } }

    /// Ends the thread.
    func stop() {
        state.withLock { $0.isStopped = true }
        wakeup?.wake()
    }

    private func run() {
        var groups: [ContainerKey: Group] = [:]
        var buffer = ReadBuffer()
        repeat {
            guard let paths = state.withLock({ $0.isStopped ? nil : $0.paths }) else { return }
            groups = groups.filter { paths[$0.key] == $0.value.path }
            for (key, path) in paths {
                var group =
                    groups[key]
                    ?? Group(
                        path: path,
                        reader: CgroupReader(
                            path: path, in: hierarchies, keepingDescriptors: true))
                read(key, &group, &buffer)
                groups[key] = group
            }
        } while wakeup?.wait(milliseconds: 1000) == false
    }

    private func read(_ key: ContainerKey, _ group: inout Group, _ buffer: inout ReadBuffer) {
        let start = Clock.monotonicNanoseconds()
        guard start >= group.due, let reader = group.reader else { return }
        let seconds = Double(Clock.realtimeMilliseconds()) / 1000
        let reading = reader.read(into: &buffer, at: seconds)
        let took = Clock.monotonicNanoseconds() - start
        group.due = start + took * 11
        group.quickReadings = took < limit / 4 ? group.quickReadings + 1 : 0
        let quick = group.quickReadings
        state.withLock { state in
            guard state.paths[key] != nil else { return }
            state.latest[key] = Latest(reading: reading, quickReadings: quick)
        }
    }
}
