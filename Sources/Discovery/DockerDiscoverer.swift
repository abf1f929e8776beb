// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
public import Model

/// Docker's containers, from the state the engine keeps on disk (`ROOT/containers/<id>/
/// config.v2.json` and `hostconfig.json`); its socket is not needed.
///
/// The engine owns the files and replaces them whole. What they say is checked: an identifier that
/// is not the directory's name, or a process that is not in the container's cgroup, is not
/// believed.
public struct DockerDiscoverer: Discoverer {
    private let root: String
    private let proc: String

    /// Looks below `root`, Docker's data root.
    public init(root: String = "/var/lib/docker", proc: String = "/proc") {
        self.root = root
        self.proc = proc
    }

    /// See `Discoverer`.
    public var engine: Container.Engine { .docker }

    /// See `Discoverer`.
    public func run(deliver: @escaping @Sendable ([Container]) -> Void) async throws {
        let (root, proc) = (root, proc)
        try await WatchedList.run(
            "docker", { DockerSource(root: root, proc: proc) }, deliver: deliver)
    }
}

/// The list, and what was parsed of each container's files as long as they do not change.
final class DockerSource: ListSource {
    private let containers: String
    private let root: String
    private let proc: String
    private var known: [String: (version: ConfinedDirectory.Version, container: Container)] = [:]
    private var buffer = ReadBuffer()
    private(set) var directories: [String]
    /// Files that were not what they should be, since the start.
    private(set) var refused = 0

    private static let sizeLimit = 4 << 20

    init(root: String, proc: String) {
        self.root = root
        self.proc = proc
        containers = root + "/containers"
        directories = [containers]
    }

    func list() -> [Container] {
        directories = [containers]
        guard let root = try? ConfinedDirectory(containers),
            let names = DirectoryListing.directories(containers)
        else {
            known = [:]
            return []
        }
        var present: Set<String> = []
        var result: [Container] = []
        for id in names.sorted() where EngineID.isValid(id) {
            present.insert(id)
            directories.append(containers + "/" + id)
            guard let container = load(id, root) else { continue }
            result.append(withProcess(container))
        }
        known = known.filter { present.contains($0.key) }
        return result
    }

    private func load(_ id: String, _ root: borrowing ConfinedDirectory) -> Container? {
        let before = known[id]
        let file = root.read(
            id + "/config.v2.json", limit: Self.sizeLimit, known: before?.version)
        guard let file else {
            known[id] = nil
            return nil
        }
        if let before, before.version == file.version { return before.container }
        let host = root.read(id + "/hostconfig.json", limit: Self.sizeLimit)
        guard let json = JSONValue(file.bytes), json["ID"].string == id else {
            refused += 1
            // A file that is being replaced is read again soon; until then the last word counts.
            return before?.container
        }
        var container = parse(json, id: id)
        if let host = host.flatMap({ JSONValue($0.bytes) }) { apply(host, to: &container) }
        known[id] = (file.version, container)
        return container
    }

    private func parse(_ json: JSONValue, id: String) -> Container {
        let state = json["State"]
        let name = (json["Name"].string ?? "").drop { $0 == "/" }
        var container = Container(
            engine: .docker, id: id, name: name.isEmpty ? String(id.prefix(12)) : String(name),
            image: json["Config"]["Image"].string ?? json["Image"].string ?? "", state: .created,
            createdAt: EngineTime.parse(json["Created"].string) ?? 0)
        container.labels = json["Config"]["Labels"].strings
        container.command =
            [json["Path"].string ?? ""].filter { !$0.isEmpty }
            + json["Args"].array.compactMap(\.string)
        container.startedAt = EngineTime.parse(state["StartedAt"].string)
        container.oomKilled = state["OOMKilled"].bool ?? false
        container.restartCount = json["RestartCount"].int.flatMap { Int(exactly: $0) }
        container.health = state["Health"]["Status"].string.flatMap(ContainerHealth.init(rawValue:))
        // Between two lives Docker calls a container running, and restarting.
        if state["Running"].bool == true, state["Restarting"].bool != true {
            container.state = .running
            container.initPID = state["Pid"].int.flatMap { Int32(exactly: $0) }
        } else if container.startedAt != nil {
            container.state = state["Dead"].bool == true ? .dead : .exited
            container.exitCode = state["ExitCode"].int.flatMap { Int32(exactly: $0) }
            container.finishedAt = EngineTime.parse(state["FinishedAt"].string)
        }
        container.networks = json["NetworkSettings"]["Networks"].object.keys.sorted()
        container.ports = Self.ports(json["NetworkSettings"]["Ports"])
        container.mounts = json["MountPoints"].object.values.map { mount in
            ContainerMount(
                kind: mount["Type"].string ?? "bind",
                source: mount["Name"].string.flatMap { $0.isEmpty ? nil : $0 }
                    ?? mount["Source"].string ?? "",
                destination: mount["Destination"].string ?? "",
                isReadOnly: mount["RW"].bool == false)
        }.sorted { $0.destination < $1.destination }
        if let log = json["LogPath"].string, log == "\(containers)/\(id)/\(id)-json.log" {
            container.logSource = .jsonFile(path: log)
        }
        return container
    }

    private func apply(_ host: JSONValue, to container: inout Container) {
        func positive(_ key: String) -> Int64? { host[key].int.flatMap { $0 > 0 ? $0 : nil } }
        container.limits.memory = positive("Memory")
        container.limits.pids = positive("PidsLimit")
        if let nano = positive("NanoCpus") {
            container.limits.cpus = Double(nano) / 1e9
        } else if let quota = positive("CpuQuota") {
            container.limits.cpus = Double(quota) / Double(positive("CpuPeriod") ?? 100_000)
        }
        applyLog(driver: host["LogConfig"]["Type"].string ?? "json-file", to: &container)
    }

    /// Of drivers that send lines elsewhere the engine keeps a copy, in the format of `local`.
    private func applyLog(driver: String, to container: inout Container) {
        let directory = "\(containers)/\(container.id)"
        switch driver {
        case "json-file": break
        case "journald": container.logSource = .journal
        case "local": container.logSource = .local(path: directory + "/local-logs/container.log")
        case "none": container.logSource = .none
        default: container.logSource = .local(path: directory + "/container-cached.log")
        }
    }

    /// `{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}`.
    private static func ports(_ json: JSONValue) -> [PortMapping] {
        json.object.flatMap { key, bindings -> [PortMapping] in
            let parts = key.split(separator: "/")
            guard let inner = parts.first.flatMap({ Int($0) }) else { return [] }
            return bindings.array.prefix(64).compactMap { binding in
                binding["HostPort"].string.flatMap { Int($0) }.map {
                    PortMapping(
                        hostAddress: binding["HostIp"].string ?? "", hostPort: $0,
                        containerPort: inner, transport: parts.count > 1 ? String(parts[1]) : "tcp")
                }
            }
        }.sorted { ($0.hostPort, $0.hostAddress) < ($1.hostPort, $1.hostAddress) }
    }

    /// Finds the cgroup through the first process, which must be in one of the container's name.
    private func withProcess(_ container: Container) -> Container {
        guard container.state == .running else { return container }
        var result = container
        let found = container.initPID.flatMap {
            ProcessCgroup.find(pid: $0, holding: container.id, proc: proc, &buffer)
        }
        guard let found else {
            // The engine was killed and could not write that the container ended.
            result.state = .dead
            result.initPID = nil
            return result
        }
        result.cgroupPath = found.path
        result.initStartTicks = found.startTicks
        return result
    }
}
