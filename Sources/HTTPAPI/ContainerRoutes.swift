// SPDX-License-Identifier: Apache-2.0

/// Ullage's own API about containers.
enum ContainerRoutes {
    static let all =
        [
            EventsRoute.endpoint, ProcessesRoute.endpoint, AuditRoute.endpoint,
            ServiceDiscoveryRoute.endpoint,
        ] + InventoryRoutes.all
}
