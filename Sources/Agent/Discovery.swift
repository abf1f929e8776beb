// SPDX-License-Identifier: Apache-2.0

import Config
import Discovery
import Linux
import Logging
import Model
import Runtime

/// Which discoverers the agent runs, in order of precedence.
enum AgentDiscovery {
    /// A registry of the engines wanted. A change of these settings needs a restart.
    static func registry(
        _ directory: DataDirectory, _ settings: Configuration.Discovery, _ logger: Logger
    ) -> ContainerRegistry {
        let runtime = Runtime(dataDirectory: directory.path, shimPath: ShimProgram.find())
        var discoverers: [any Discoverer] = [
            EmbeddedDiscoverer(runtime: runtime) { logTakeovers($0, logger) }
        ]
        if settings.wants("docker") {
            discoverers.append(DockerDiscoverer(root: settings.dockerRoot))
        }
        if settings.wants("podman") {
            let root = settings.podmanRoot
            discoverers.append(
                PodmanDiscoverer { PodmanDiscoverer.standardStorages(root: root) })
        }
        let others: [Container.Engine] = [
            .docker, .podman, .containerd, .nspawn, .lxc, .systemd, .cgroup,
        ]
        if others.contains(where: { settings.wants($0.rawValue) }) {
            discoverers.append(CgroupDiscoverer(tasks: settings.containerdTasks))
        }
        return ContainerRegistry(discoverers: discoverers) { settings.wants($0.rawValue) }
    }

    private static func logTakeovers(_ takeover: Takeover, _ logger: Logger) {
        for container in takeover.taken {
            logger.warning(
                "a container's shim was killed; another has taken over",
                metadata: ["id": "\(container.id.prefix(12))", "name": "\(container.name)"])
        }
        for (container, error) in takeover.failed {
            logger.error(
                "a container has no shim, and none could take over: its output waits",
                metadata: [
                    "id": "\(container.id.prefix(12))", "name": "\(container.name)",
                    "error": "\(error)",
                ])
        }
    }
}
