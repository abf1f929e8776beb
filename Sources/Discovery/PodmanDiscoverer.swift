// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
public import Model

/// Podman's containers, of root or of a user, from its storage on disk: `ROOT/overlay-containers/
/// containers.json` has the names, `<id>/userdata/config.json` (an OCI bundle) the rest, and
/// `RUN/overlay-containers/<id>/userdata/pidfile` the process.
///
/// Labels and exit codes are in Podman's own database, which is not read.
public struct PodmanDiscoverer: Discoverer {
    /// One storage: that of root, or of a user.
    public struct Storage: Hashable, Sendable {
        /// `graphroot` of storage.conf(5).
        public var root: String
        /// `runroot`.
        public var run: String
        /// Where conmon writes exit codes.
        public var exits: String

        /// This storage.
        public init(root: String, run: String, exits: String = "/run/libpod/exits") {
            self.root = root
            self.run = run
            self.exits = exits
        }
    }

    private let storages: @Sendable () -> [Storage]
    private let proc: String

    /// Looks into `storages`, asked for again at each listing.
    public init(proc: String = "/proc", storages: @escaping @Sendable () -> [Storage]) {
        self.proc = proc
        self.storages = storages
    }

    /// See `Discoverer`.
    public var engine: Container.Engine { .podman }

    /// See `Discoverer`.
    public func run(deliver: @escaping @Sendable ([Container]) -> Void) async throws {
        let (storages, proc) = (storages, proc)
        try await WatchedList.run(
            "podman", { PodmanSource(storages: storages, proc: proc) }, deliver: deliver)
    }

    /// Root's storage and those of users with a run directory.
    public static func standardStorages(root: String = "/var/lib/containers/storage") -> [Storage] {
        var result = [Storage(root: root, run: "/run/containers/storage")]
        var buffer = ReadBuffer()
        let passwd = KernelFile.readOnce(path: "/etc/passwd", into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        let running = Set(DirectoryListing.directories("/run/user", limit: 256) ?? [])
        for line in (passwd ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 6, running.contains(String(fields[2])) else { continue }
            result.append(
                Storage(
                    root: "\(fields[5])/.local/share/containers/storage",
                    run: "/run/user/\(fields[2])/containers",
                    exits: "/run/user/\(fields[2])/libpod/tmp/exits"))
        }
        return result
    }
}

/// The list of all storages.
final class PodmanSource: ListSource {
    private let storages: @Sendable () -> [PodmanDiscoverer.Storage]
    private let proc: String
    private var buffer = ReadBuffer()
    private(set) var directories: [String] = []

    private static let sizeLimit = 4 << 20

    init(storages: @escaping @Sendable () -> [PodmanDiscoverer.Storage], proc: String) {
        self.storages = storages
        self.proc = proc
    }

    func list() -> [Container] {
        directories = []
        var seen: Set<String> = []
        return storages().flatMap { list($0) }.filter { seen.insert($0.id).inserted }
    }

    private func list(_ storage: PodmanDiscoverer.Storage) -> [Container] {
        let path = storage.root + "/overlay-containers"
        directories += [path, storage.run + "/overlay-containers"]
        if DirectoryListing.status(storage.exits) != nil { directories.append(storage.exits) }
        guard let root = try? ConfinedDirectory(path),
            let file = root.read("containers.json", limit: Self.sizeLimit),
            let json = JSONValue(file.bytes)
        else { return [] }
        return json.array.compactMap { entry in
            guard let id = entry["id"].string, EngineID.isValid(id) else { return nil }
            directories.append("\(storage.run)/overlay-containers/\(id)/userdata")
            return container(entry, id: id, storage, root)
        }
    }

    private func container(
        _ entry: JSONValue, id: String, _ storage: PodmanDiscoverer.Storage,
        _ root: borrowing ConfinedDirectory
    ) -> Container {
        let metadata = JSONValue(Array((entry["metadata"].string ?? "").utf8)) ?? .null
        let name = entry["names"].array.first?.string ?? metadata["name"].string
        var container = Container(
            engine: .podman, id: id, name: name ?? String(id.prefix(12)),
            image: metadata["image-name"].string ?? entry["image"].string ?? "", state: .created,
            createdAt: EngineTime.parse(entry["created"].string) ?? 0)
        // The file is there when the log driver is k8s-file; the other one that keeps anything is
        // journald.
        let log = storage.root + "/overlay-containers/" + id + "/userdata/ctr.log"
        let isFile = DirectoryListing.status(log) != nil
        container.logSource = isFile ? .cri(path: log) : .journal
        let bundle = root.read(id + "/userdata/config.json", limit: Self.sizeLimit)
        if let spec = bundle.flatMap({ JSONValue($0.bytes) }) {
            container.command = spec["process"]["args"].array.compactMap(\.string)
            container.limits.memory = spec["linux"]["resources"]["memory"]["limit"].int
            container.limits.pids = spec["linux"]["resources"]["pids"]["limit"].int
            container.state = .exited
        }
        let started = DirectoryListing.status(
            "\(storage.run)/overlay-containers/\(id)/userdata/pidfile")
        container.startedAt = started?.changed
        if container.state == .exited { readExit(id, storage, into: &container) }
        guard let run = try? ConfinedDirectory(storage.run + "/overlay-containers"),
            let file = run.read(id + "/userdata/pidfile", limit: 64),
            let pid = Int32(
                String(decoding: file.bytes, as: UTF8.self).filter { !$0.isWhitespace }),
            let found = ProcessCgroup.find(pid: pid, holding: id, proc: proc, &buffer)
        else { return container }
        container.state = .running
        container.initPID = pid
        container.initStartTicks = found.startTicks
        // Limits are of the group below the scope, where there is one.
        let whole = ProcessCgroup.path(of: pid, proc: proc, &buffer) ?? ""
        let isBelow =
            whole == found.path + "/container" || whole.hasPrefix(found.path + "/container/")
        container.cgroupPath = isBelow ? found.path + "/container" : found.path
        container.exitCode = nil
        container.finishedAt = nil
        return container
    }

    /// conmon's word on how a container ended. A file from before its last start does not count.
    private func readExit(
        _ id: String, _ storage: PodmanDiscoverer.Storage, into container: inout Container
    ) {
        guard let directory = try? ConfinedDirectory(storage.exits),
            let file = directory.read(id, limit: 16),
            let ended = DirectoryListing.status(storage.exits + "/" + id)?.changed,
            ended >= container.startedAt ?? 0
        else { return }
        container.exitCode = Int32(
            String(decoding: file.bytes, as: UTF8.self).filter { !$0.isWhitespace })
        container.finishedAt = ended
    }
}
