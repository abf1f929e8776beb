// SPDX-License-Identifier: Apache-2.0

import Model

/// What the name of a cgroup's directory tells. Names that a user may choose stay text.
enum CgroupName: Hashable {
    /// A container of an engine, with its identifier.
    case container(Container.Engine, id: String)
    /// A systemd unit.
    case unit
    /// A group of groups: a slice, a pod, an engine's parent.
    case parent
    /// Nothing to measure: an engine's helper, a mount.
    case ignored
    /// Anything else.
    case other

    /// Prefixes of scopes, by the engine that makes them.
    private static let scopes: [(prefix: String, engine: Container.Engine)] = [
        ("docker-", .docker), ("libpod-", .podman), ("cri-containerd-", .containerd),
        ("crio-", .containerd), ("nerdctl-", .containerd),
    ]

    /// Reads `name`, a directory in `parent` (the last part of its path).
    init(_ name: String, in parent: String) {
        let base = name.hasSuffix(".scope") ? name.dropLast(6) : Substring(name)
        if EngineID.isValid(base) {
            self = .container(parent == "docker" ? .docker : .containerd, id: String(base))
            return
        }
        for (prefix, engine) in Self.scopes where base.hasPrefix(prefix) {
            let id = base.dropFirst(prefix.count)
            if EngineID.isValid(id) {
                self = .container(engine, id: String(id))
                return
            }
            if id.hasPrefix("conmon-") {
                self = .ignored
                return
            }
        }
        if [".mount", ".swap", ".socket", ".device"].contains(where: { name.hasSuffix($0) }) {
            self = .ignored
        } else if name.hasSuffix(".slice") || name.hasPrefix("user@")
            || ["docker", "libpod_parent", "machine", "kubepods", "lxc"].contains(name)
        {
            self = .parent
        } else if name.hasSuffix(".service") || name.hasSuffix(".scope") {
            self = .unit
        } else {
            self = .other
        }
    }
}
