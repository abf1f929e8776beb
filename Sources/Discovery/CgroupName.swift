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
        if let machine = Self.machine(name, in: parent) {
            self = machine
        } else if [".mount", ".swap", ".socket", ".device"].contains(where: { name.hasSuffix($0) })
        {
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

    /// Containers that are called by their name alone.
    private static func machine(_ name: String, in parent: String) -> CgroupName? {
        if name.hasPrefix("lxc.payload.") {
            return .container(.lxc, id: String(name.dropFirst("lxc.payload.".count)))
        }
        if name.hasPrefix("lxc.monitor.") || name == "lxc.pivot" { return .ignored }
        if parent == "lxc" { return .container(.lxc, id: name) }
        guard parent == "machine.slice" else { return nil }
        if name.hasPrefix("machine-"), name.hasSuffix(".scope") {
            let machine = unescape(name.dropFirst("machine-".count).dropLast(".scope".count))
            // libvirt registers its guests by the same kind of scope.
            return machine.hasPrefix("qemu-") || machine.hasPrefix("lxc-")
                ? nil : .container(.nspawn, id: machine)
        }
        if name.hasPrefix("systemd-nspawn@"), name.hasSuffix(".service") {
            let machine = name.dropFirst("systemd-nspawn@".count).dropLast(".service".count)
            return .container(.nspawn, id: unescape(machine))
        }
        return nil
    }

    /// Undoes systemd-escape(1): `\x2d` is `-`.
    private static func unescape(_ text: Substring) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.first {
            if byte == UInt8(ascii: "\\"), rest.count >= 4,
                let code = UInt8(
                    String(decoding: rest.dropFirst(2).prefix(2), as: UTF8.self), radix: 16),
                rest[rest.startIndex + 1] == UInt8(ascii: "x")
            {
                result.append(code)
                rest = rest.dropFirst(4)
            } else {
                result.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
