// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Linux
public import Model

/// Everything that has a cgroup: systemd's services and scopes, containers of containerd and CRI-O
/// with their names in Kubernetes, bare cgroups, and containers of engines whose own state cannot
/// be read.
///
/// Only directories that hold other groups are watched, never a container's own, so the watches
/// needed grow with the slices and pods of a host and not with its containers.
public struct CgroupDiscoverer: Discoverer {
    private let hierarchies: CgroupHierarchies
    private let tasks: String
    private let proc: String

    /// Looks at `hierarchies`; `tasks` is where containerd keeps its running containers' bundles.
    public init(
        hierarchies: CgroupHierarchies = CgroupHierarchies(),
        tasks: String = "/run/containerd/io.containerd.runtime.v2.task", proc: String = "/proc"
    ) {
        self.hierarchies = hierarchies
        self.tasks = tasks
        self.proc = proc
    }

    /// See `Discoverer`. The list has containers of several engines.
    public var engine: Container.Engine { .cgroup }

    /// See `Discoverer`.
    public func run(deliver: @escaping @Sendable ([Container]) -> Void) async throws {
        let copy = self
        try await WatchedList.run("cgroups", { copy.source() }, deliver: deliver)
    }

    func source() -> CgroupSource {
        // On a hybrid host systemd and the engines make groups in v1; v2 may have others.
        let mounts = [hierarchies.unified, hierarchies.legacyMount(.memory)].compactMap(\.self)
        return CgroupSource(mounts: mounts, bundles: BundleNames(tasks: tasks), proc: proc)
    }
}

/// The list of one or two trees.
final class CgroupSource: ListSource {
    private let mounts: [String]
    private let bundles: BundleNames
    private let proc: String
    private var buffer = ReadBuffer()
    /// What was found, by path; the inode tells a group made anew under the same path.
    private var known: [String: (inode: UInt64, container: Container)] = [:]
    private var seen: Set<String> = []
    /// containerd's tasks whose cgroups are not called after an engine's identifier, by path.
    private var tasks: [String: String] = [:]
    private(set) var directories: [String] = []

    private static let maxDepth = 16
    private static let maxGroups = 20_000

    init(mounts: [String], bundles: BundleNames, proc: String) {
        self.mounts = mounts
        self.bundles = bundles
        self.proc = proc
    }

    func list() -> [Container] {
        directories = []
        seen = []
        tasks = bundles.tasks(proc: proc, &buffer)
        directories += bundles.directories
        for mount in mounts { visit(mount, "", name: "", depth: 0) }
        known = known.filter { seen.contains($0.key) }
        return known.values.map(\.container).sorted { $0.id < $1.id }
    }

    private func visit(_ mount: String, _ path: String, name: String, depth: Int) {
        guard depth < Self.maxDepth, seen.count < Self.maxGroups,
            let children = DirectoryListing.directories(mount + path)
        else { return }
        directories.append(mount + path)
        for child in children {
            let childPath = path + "/" + child
            if let id = tasks[childPath] {
                add(.containerd, id: id, mount, childPath, child)
                continue
            }
            switch CgroupName(child, in: name) {
            case .ignored: continue
            case .container(let engine, let id): add(engine, id: id, mount, childPath, child)
            case .unit: add(.systemd, id: childPath, mount, childPath, child)
            case .parent: visit(mount, childPath, name: child, depth: depth + 1)
            case .other:
                // Ullage's own runtime knows its groups better.
                if depth == 0, child == "ullage" { continue }
                let hasChildren =
                    DirectoryListing.directories(mount + childPath, limit: 1)?.isEmpty == false
                if hasChildren {
                    visit(mount, childPath, name: child, depth: depth + 1)
                } else {
                    add(.cgroup, id: childPath, mount, childPath, child)
                }
            }
        }
    }

    private func add(
        _ engine: Container.Engine, id: String, _ mount: String, _ path: String, _ name: String
    ) {
        var path = path
        // Podman's limits are of the group below its scope.
        if engine == .podman, DirectoryListing.status(mount + path + "/container") != nil {
            path += "/container"
        }
        guard !seen.contains(path), let status = DirectoryListing.status(mount + path) else {
            return
        }
        seen.insert(path)
        if let before = known[path], before.inode == status.inode,
            before.container.initPID != nil, before.container.engine == engine
        {
            return
        }
        var container = Container(
            engine: engine, id: id,
            name: Self.displayName(engine, id: id, name), image: "", state: .running,
            createdAt: status.changed)
        container.cgroupPath = path
        container.startedAt = status.changed
        if engine == .systemd || name.hasSuffix(".scope") { container.unit = name }
        // A service manager in a container puts its processes one or two groups further down.
        let places = ["", "/init.scope", "/payload", "/payload/init.scope"]
        let first = places.lazy.compactMap {
            ProcessCgroup.first(in: mount + path + $0, proc: self.proc, &self.buffer)
        }.first
        if let first {
            container.initPID = first.pid
            container.initStartTicks = first.startTicks
        }
        if engine == .containerd { bundles.apply(to: &container) }
        known[path] = (status.inode, container)
    }
}

extension CgroupSource {
    fileprivate static func displayName(
        _ engine: Container.Engine, id: String, _ group: String
    ) -> String {
        switch engine {
        case .systemd, .cgroup: group
        case .nspawn, .lxc: id
        default: EngineID.isValid(id) ? String(id.prefix(12)) : id
        }
    }
}

/// The names containerd's CRI plugin and CRI-O put into a running container's bundle
/// (`TASKS/<namespace>/<id>/config.json`, or below CRI-O's run root; annotations of the OCI
/// specification).
struct BundleNames: Sendable {
    let tasks: String
    /// Where CRI-O keeps the bundles of running containers.
    var crio = "/run/containers/storage/overlay-containers"

    private static let sizeLimit = 4 << 20
    private static let maxTasks = 10_000

    /// Where tasks come and go, and their processes are written down.
    var directories: [String] {
        (DirectoryListing.directories(tasks, limit: 64) ?? []).filter { $0 != "moby" }
            .map { tasks + "/" + $0 }
    }

    /// The cgroups of the tasks whose identifiers people chose, as `ctr run` has them, by path. What
    /// a bundle says counts only if its process is in a group of that name.
    func tasks(proc: String, _ buffer: inout ReadBuffer) -> [String: String] {
        var result: [String: String] = [:]
        for directory in directories {
            guard let root = try? ConfinedDirectory(directory) else { continue }
            for id in DirectoryListing.directories(directory, limit: Self.maxTasks) ?? []
            where !EngineID.isValid(id) && EngineID.isTaskName(id) {
                guard let file = root.read(id + "/init.pid", limit: 64),
                    let pid = Int32(
                        String(decoding: file.bytes, as: UTF8.self).filter { !$0.isWhitespace }),
                    let path = ProcessCgroup.path(of: pid, proc: proc, &buffer),
                    path.split(separator: "/").last.map({ $0 == id || $0.hasSuffix("-\(id).scope") }
                    )
                        == true
                else { continue }
                result[path] = id
            }
        }
        return result
    }

    func apply(to container: inout Container) {
        if let root = try? ConfinedDirectory(crio),
            let file = root.read("\(container.id)/userdata/config.json", limit: Self.sizeLimit),
            let json = JSONValue(file.bytes)
        {
            apply(json, to: &container)
            return
        }
        guard let root = try? ConfinedDirectory(tasks),
            let namespaces = DirectoryListing.directories(tasks, limit: 64)
        else { return }
        for namespace in namespaces {
            guard
                let file = root.read(
                    "\(namespace)/\(container.id)/config.json", limit: Self.sizeLimit),
                let json = JSONValue(file.bytes)
            else { continue }
            apply(json, to: &container)
            return
        }
    }

    private func apply(_ json: JSONValue, to container: inout Container) {
        let notes = json["annotations"].strings
        container.command = json["process"]["args"].array.compactMap(\.string)
        func note(_ keys: String...) -> String? { keys.lazy.compactMap { notes[$0] }.first }
        container.image =
            note("io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName") ?? ""
        let isSandbox = notes["io.kubernetes.cri.container-type"] == "sandbox"
        if let namespace = note(
            "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
            let pod = note("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name")
        {
            let inner =
                isSandbox
                ? "POD"
                : note("io.kubernetes.cri.container-name", "io.kubernetes.container.name")
                    ?? String(container.id.prefix(12))
            container.kubernetes = KubernetesNames(
                namespace: namespace, pod: pod, container: inner)
            container.name = "\(namespace)/\(pod)/\(inner)"
        }
        if let name = note("nerdctl/name") { container.name = name }
        if let labels = note("io.kubernetes.cri-o.Labels"),
            let json = JSONValue(Array(labels.utf8))
        {
            container.labels = json.strings
        }
    }
}
