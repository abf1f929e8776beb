// SPDX-License-Identifier: Apache-2.0

import Config
import Discovery
import HTTPAPI
import Logging
import Model

/// What is seen of containers beside their samples: events, networks, volumes, images, findings.
final class HostWatch: Sendable {
    private let events: ContainerEvents
    private let inventory: HostInventory

    init(
        _ configuration: Configuration, _ directory: DataDirectory, _ sampling: Sampling,
        _ logger: Logger
    ) throws(AgentError) {
        let events = try ContainerEvents(
            directory: directory.events, maxBytes: configuration.eventsMaxSize)
        let inventory = try HostInventory(
            configuration, registry: sampling.registry, logger: logger)
        sampling.addTickObserver { events.tick($0, at: $1) }
        sampling.addReadings { events.readings + inventory.ownReadings }
        self.events = events
        self.inventory = inventory
    }

    /// Watches until the task is cancelled.
    func run(_ registry: ContainerRegistry) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.events.run(registry) }
            group.addTask { try await self.inventory.run() }
            try await group.waitForAll()
        }
    }

    /// Gives the HTTP API what it asks for.
    func install(in services: inout Services, _ sampling: Sampling) {
        let (events, inventory) = (events, inventory)
        services.events = { events.select($0) }
        services.inventory = { inventory.inventory }
        services.targets = { inventory.targets }
        services.findings = { sampling.findings }
    }
}
