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
    private let lists = Mutex<[Int: [Container]]>([:])
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

    /// All containers, as of the last delivery of each engine.
    public func current() -> [Container] {
        let lists = lists.withLock { lists in discoverers.indices.map { lists[$0] ?? [] } }
        return Self.merge(lists).filter { engines($0.engine) }
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
    public var isComplete: Bool { lists.withLock { $0.count == discoverers.count } }

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
                    self.lists.withLock { $0[place] = list }
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
