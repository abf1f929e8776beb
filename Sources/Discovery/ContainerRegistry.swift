// SPDX-License-Identifier: Apache-2.0

import Logging
public import Model
import Synchronization

/// The containers of all engines, merged from what their discoverers deliver.
///
/// Earlier discoverers win: an engine that knows its containers comes before the one that only sees
/// their cgroups, so that nothing is reported twice.
///
/// A discoverer that fails is reported and tried again after a pause; the others go on.
public final class ContainerRegistry: Sendable {
    private let discoverers: [any Discoverer]
    private struct State {
        var lists: [Int: [Container]] = [:]
        /// What they were merged to, until one of them changes.
        var merged: [Container]?
    }

    private let state = Mutex(State())
    private let engines: @Sendable (Container.Engine) -> Bool
    private let observers = Mutex<[@Sendable ([Container]) -> Void]>([])
    private let logger = Logger(label: "discovery")

    /// A registry over these discoverers, in order of precedence; containers of engines that
    /// `engines` does not want are left out.
    public init(
        discoverers: [any Discoverer],
        engines: @escaping @Sendable (Container.Engine) -> Bool = { _ in true }
    ) {
        self.discoverers = discoverers
        self.engines = engines
    }

    /// All containers, as of the last delivery of each engine: the same array until the next one.
    public func current() -> [Container] {
        state.withLock { state in
            if let merged = state.merged { return merged }
            let lists = discoverers.indices.map { state.lists[$0] ?? [] }
            let merged = Self.merge(lists).filter { engines($0.engine) }
            state.merged = merged
            return merged
        }
    }

    /// What every engine and the cgroup tree said last, so that a container may be there twice: a
    /// group is seen before its engine has written down that the container runs.
    public func unmerged() -> [Container] {
        let lists = state.withLock { state in discoverers.indices.map { state.lists[$0] ?? [] } }
        return lists.joined().filter { engines($0.engine) }
    }

    /// Calls `body` with all containers after each delivery, once every engine has delivered; one
    /// call at a time, on the thread of the discoverer that delivered.
    public func observe(_ body: @escaping @Sendable ([Container]) -> Void) {
        observers.withLock { $0.append(body) }
    }

    /// One list of several, of which the earlier ones know better. The same container is known by
    /// its engine's identifier or by its cgroup.
    static func merge(_ lists: [[Container]]) -> [Container] {
        var ids: Set<String> = []
        var groups: Set<String> = []
        var result: [Container] = []
        for list in lists {
            // Identifiers are unique within a list; only earlier lists take them away.
            let fresh = list.filter {
                !ids.contains($0.id) && !($0.cgroupPath.map(groups.contains) ?? false)
            }
            result += fresh
            ids.formUnion(fresh.map(\.id))
            groups.formUnion(fresh.compactMap(\.cgroupPath))
        }
        return result
    }

    /// Whether every engine has delivered at least once.
    public var isComplete: Bool { state.withLock { $0.lists.count == discoverers.count } }

    /// Watches until the task is cancelled.
    public func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            for (place, discoverer) in discoverers.enumerated() {
                group.addTask { await self.watch(discoverer, place) }
            }
        }
    }

    private func watch(_ discoverer: any Discoverer, _ place: Int) async {
        while !Task.isCancelled {
            do {
                try await discoverer.run { list in
                    self.state.withLock { state in
                        state.lists[place] = list
                        state.merged = nil
                    }
                    guard self.isComplete else { return }
                    // The list is made under the lock, so that the last call has the last word.
                    self.observers.withLock { observers in
                        let all = self.current()
                        for observer in observers { observer(all) }
                    }
                }
            } catch {
                logger.error(
                    "cannot watch containers",
                    metadata: [
                        "engine": "\(discoverer.engine.rawValue)", "reason": "\(error)",
                    ])
            }
            try? await Task.sleep(for: .seconds(5))
        }
    }
}
