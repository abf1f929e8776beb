// SPDX-License-Identifier: Apache-2.0

import YAML

extension Keys {
    private static let engines = [
        "auto", "docker", "podman", "containerd", "nspawn", "lxc", "systemd", "cgroup",
    ]

    static let discovery: [Key] = [
        Key(
            section: "discovery", name: "engines", preset: "[auto]",
            comment:
                "Whose containers are watched besides Ullage's own: auto (all there are), or any "
                + "of docker, podman, containerd, systemd, cgroup."
        ) { node, c throws(ValueError) in
            let names = try Value.texts(node)
            guard names.allSatisfy(engines.contains) else {
                throw ValueError("expected some of " + engines.joined(separator: ", "))
            }
            c.discovery.engines = names
        },
        Key(
            section: "discovery", name: "docker_root", preset: "/var/lib/docker",
            comment: "Docker's data root."
        ) { node, c throws(ValueError) in c.discovery.dockerRoot = try path(node) },
        Key(
            section: "discovery", name: "podman_root", preset: "/var/lib/containers/storage",
            comment: "The storage of root's Podman; users' are found by themselves."
        ) { node, c throws(ValueError) in c.discovery.podmanRoot = try path(node) },
        Key(
            section: "discovery", name: "containerd_tasks",
            preset: "/run/containerd/io.containerd.runtime.v2.task",
            comment: "Where containerd keeps the bundles of running containers."
        ) { node, c throws(ValueError) in c.discovery.containerdTasks = try path(node) },
        Key(
            section: "discovery", name: "targets_file", preset: "\"\"",
            comment:
                "A file for Prometheus' file_sd to write running containers to as targets; empty "
                + "for none. The same is served at /api/v1/sd."
        ) { node, c throws(ValueError) in
            guard case .scalar(let text, _) = node.content else {
                throw ValueError("expected an absolute path or nothing")
            }
            c.discovery.targetsFile = text.isEmpty ? nil : try path(node)
        },
        Key(
            section: "audit", name: "openscap_results", preset: "[]",
            comment:
                "Files of OpenSCAP results (XCCDF or ARF) to export; read again when they change."
        ) { node, c throws(ValueError) in
            let paths = try Value.texts(node)
            guard paths.allSatisfy({ $0.hasPrefix("/") }), paths.count <= 16 else {
                throw ValueError("expected at most 16 absolute paths")
            }
            c.auditResults = paths
        },
    ]

    static let events: [Key] = [
        Key(
            section: "events", name: "max_size", preset: "8MiB",
            comment: "Bytes of container events on disk, above which the oldest go."
        ) { node, c throws(ValueError) in
            c.eventsMaxSize = try Value.size(node, atLeast: 65536)
        }
    ]

    private static func path(_ node: YAMLNode) throws(ValueError) -> String {
        let text = try Value.text(node)
        guard text.hasPrefix("/") else { throw ValueError("expected an absolute path") }
        return text
    }
}
