// SPDX-License-Identifier: Apache-2.0

import Config
import Discovery
import Linux
import Model
import Runtime

/// Which discoverers the agent runs, in order of precedence.
enum AgentDiscovery {
    /// A registry of the engines wanted. A change of these settings needs a restart.
    static func registry(
        _ directory: DataDirectory, _ settings: Configuration.Discovery
    ) -> ContainerRegistry {
        let runtime = Runtime(dataDirectory: directory.path, shimPath: "")
        var discoverers: [any Discoverer] = [EmbeddedDiscoverer(runtime: runtime)]
        if settings.wants("docker") {
            discoverers.append(DockerDiscoverer(root: settings.dockerRoot))
        }
        if settings.wants("podman") {
            let root = settings.podmanRoot
            discoverers.append(
                PodmanDiscoverer { PodmanDiscoverer.standardStorages(root: root) })
        }
        let others: [Container.Engine] = [.docker, .podman, .containerd, .systemd, .cgroup]
        if others.contains(where: { settings.wants($0.rawValue) }) {
            discoverers.append(CgroupDiscoverer(tasks: settings.containerdTasks))
        }
        return ContainerRegistry(discoverers: discoverers) { settings.wants($0.rawValue) }
    }
}
