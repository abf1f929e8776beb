// SPDX-License-Identifier: Apache-2.0

import Logging
public import Model
import Synchronization

/// The containers of all engines, merged from what their discoverers deliver.
///
/// A discoverer that fails is reported and tried again after a pause; the others go on.
public final class ContainerRegistry: Sendable {
    private let discoverers: [any Discoverer]
    private let lists = Mutex<[Container.Engine: [Container]]>([:])
    private let logger = Logger(label: "discovery")

    /// A registry over these discoverers.
    public init(discoverers: [any Discoverer]) { self.discoverers = discoverers }

    /// All containers, as of the last delivery of each engine.
    public func current() -> [Container] { lists.withLock { $0.values.flatMap(\.self) } }

    /// Whether every engine has delivered at least once.
    public var isComplete: Bool { lists.withLock { $0.count == discoverers.count } }

    /// Watches until the task is cancelled.
    public func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            for discoverer in discoverers { group.addTask { await self.watch(discoverer) } }
        }
    }

    private func watch(_ discoverer: any Discoverer) async {
        while !Task.isCancelled {
            do {
                try await discoverer.run { list in
                    self.lists.withLock { $0[discoverer.engine] = list }
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
