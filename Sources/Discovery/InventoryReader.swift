// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model

/// Looks after networks, volumes and images: what containers use, what is left over, and how big it
/// is. Sizes are found by walking, so a volume is walked again only after a thousand times as long
/// as that took, and after ten minutes at least. Owned by one thread.
public final class InventoryReader {
    private let dockerRoot: String
    private let proc: String
    private var sizes: [String: (size: TreeSize?, due: Int64)] = [:]

    /// Entries of one volume that are counted.
    private static let budget: Int64 = 200_000
    private static let maxVolumes = 1000
    /// At least so long between two walks of a volume, in nanoseconds.
    private static let pause: Int64 = 600_000_000_000

    /// Looks below Docker's data root.
    public init(dockerRoot: String = "/var/lib/docker", proc: String = "/proc") {
        self.dockerRoot = dockerRoot
        self.proc = proc
    }

    /// What there is for these containers.
    public func read(_ containers: [Container]) -> Inventory {
        var inventory = Inventory()
        inventory.connections = connections(containers.filter { $0.state == .running })
        inventory.volumes = volumes(containers)
        inventory.images = images(containers)
        return inventory
    }

    // MARK: Networks

    private func connections(_ running: [Container]) -> [ContainerConnection] {
        var buffer = ReadBuffer()
        let peers = NetworkNamespace.hostPeers()
        let host = inode("self") ?? 0
        var owners: [UInt64: String] = [:]
        return running.filter { $0.engine != .systemd && $0.engine != .cgroup }
            .sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
            .compactMap { container in
                guard let pid = container.initPID, let namespace = inode("\(pid)") else {
                    return nil
                }
                var connection = ContainerConnection(container: container, mode: "host")
                if namespace == host { return connection }
                let owner = owners[namespace]
                owners[namespace] = owner ?? container.name
                let found = NetworkNamespace(
                    pid: pid, proc: proc, sockets: !container.ports.isEmpty, buffer: &buffer)
                connection.mode =
                    owner != nil ? "container" : found.interfaces.isEmpty ? "none" : "bridge"
                connection.addresses = found.addresses
                connection.interfaces = found.interfaces.keys.sorted()
                connection.hostInterfaces = found.interfaces.values.compactMap { index in
                    let candidates = peers[index] ?? []
                    return candidates.count == 1 ? candidates[0] : nil
                }.sorted()
                connection.listening = container.ports.map {
                    $0.transport == "tcp" ? found.listening.contains($0.containerPort) : nil
                }
                return connection
            }
    }

    private func inode(_ pid: String) -> UInt64? {
        var status = stat()
        return stat("\(proc)/\(pid)/ns/net", &status) == 0 ? UInt64(status.st_ino) : nil
    }

    // MARK: Volumes

    private func volumes(_ containers: [Container]) -> [ContainerVolume] {
        var found: [String: ContainerVolume] = [:]
        for name in DirectoryListing.directories(dockerRoot + "/volumes", limit: Self.maxVolumes)
            ?? []
        {
            found["volume:" + name] = ContainerVolume(kind: "volume", source: name, users: [])
        }
        for container in containers {
            for mount in container.mounts where mount.kind == "volume" || mount.kind == "bind" {
                let key = mount.kind + ":" + mount.source
                guard found[key] != nil || found.count < Self.maxVolumes else { continue }
                var volume =
                    found[key]
                    ?? ContainerVolume(kind: mount.kind, source: mount.source, users: [])
                if !volume.users.contains(container.name) { volume.users.append(container.name) }
                found[key] = volume
            }
        }
        let now = Clock.monotonicNanoseconds()
        sizes = sizes.filter { found[$0.key] != nil }
        return found.map { key, volume in
            var volume = volume
            let size = size(of: volume, key: key, now: now)
            volume.bytes = size?.bytes
            volume.isComplete = size?.isComplete ?? true
            volume.users.sort()
            return volume
        }.sorted { ($0.kind, $0.source) < ($1.kind, $1.source) }
    }

    /// Engines' volumes only: a bind mount may be the whole of the host.
    private func size(of volume: ContainerVolume, key: String, now: Int64) -> TreeSize? {
        guard volume.kind == "volume", !volume.source.contains("/") else { return nil }
        if let known = sizes[key], now < known.due { return known.size }
        let start = Clock.threadNanoseconds()
        let size = TreeSize(
            path: "\(dockerRoot)/volumes/\(volume.source)/_data", budget: Self.budget)
        let took = Clock.threadNanoseconds() - start
        sizes[key] = (size, now + max(Self.pause, took * 1000))
        return size
    }

    // MARK: Images

    private func images(_ containers: [Container]) -> [ContainerImage] {
        var images = DockerImages.list(root: dockerRoot)
        for container in containers where !container.image.isEmpty {
            // The embedded runtime's image is a directory.
            guard container.engine != .embedded else { continue }
            let name = container.image
            let at = images.firstIndex { image in
                image.id.hasPrefix(name.drop { $0 != ":" }.dropFirst()) && name.hasPrefix("sha256:")
                    || image.names.contains(name) || image.names.contains(name + ":latest")
            }
            if let at {
                images[at].users.append(container.name)
            } else {
                var image = ContainerImage(id: "", names: [name])
                image.users = [container.name]
                images.append(image)
            }
        }
        for i in images.indices { images[i].users.sort() }
        return images
    }
}
