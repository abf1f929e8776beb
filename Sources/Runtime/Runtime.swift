// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
public import Model

/// The embedded container runtime. It has no daemon: a container is a directory below the data
/// directory and one shim, which owns it from the moment it is started.
///
/// Everything here works on those directories, so any number of processes may use a runtime at the
/// same time. Running, stopping and removing need root; listing does not.
///
/// When a shim is killed, its container goes on, and waits when its outputs are full; it is still
/// listed as running, and `stop` and `remove` work through the process and the cgroup on record.
/// `takeOverOrphans` gives it a new shim.
public struct Runtime: Sendable {
    /// The directory that has `containers/` in it.
    public let dataDirectory: String
    /// The shim's program.
    public let shimPath: String

    let hierarchies: CgroupHierarchies

    /// A runtime over `dataDirectory`, which need not exist yet.
    public init(dataDirectory: String, shimPath: String) {
        self.dataDirectory = dataDirectory
        self.shimPath = shimPath
        hierarchies = CgroupHierarchies()
    }

    /// Where the containers' directories are.
    public var containersPath: String { dataDirectory + "/containers" }

    // MARK: Looking

    /// All containers whose directories can be read, in no particular order. What is half made,
    /// damaged or not a container is left out.
    public func list() -> [Container] { directories().compactMap { $0.load()?.container } }

    /// The container with this name, this id, or the only one whose id begins so. A name belongs
    /// to one container at a time.
    public func find(_ reference: String) throws(RuntimeError) -> Container {
        let all = list()
        if let exact = all.first(where: { $0.name == reference || $0.id == reference }) {
            return exact
        }
        let matches = reference.isEmpty ? [] : all.filter { $0.id.hasPrefix(reference) }
        if matches.count > 1 {
            let candidates = matches.map { "\($0.id.prefix(12)) (\($0.name))" }.sorted()
            throw RuntimeError(
                .conflict,
                "\(quoted(reference)) begins more than one id: "
                    + candidates.joined(separator: ", "))
        }
        guard let match = matches.first else {
            throw RuntimeError(
                .notFound,
                "no container is called \(quoted(reference)); `ullage ps -a "
                    + "--data-dir \(dataDirectory)` lists those there are")
        }
        return match
    }

    /// Whether the container's first process, or its shim, is still at work.
    public func isRunning(_ container: Container) -> Bool {
        guard let (now, state) = directory(of: container).load() else { return false }
        guard let state else { return false }
        return now.state == .running || Process.isAlive(state.shimPid, state.shimStartTicks)
    }

    /// Waits until the container has ended and gives its exit code.
    public func wait(_ container: Container) throws(RuntimeError) -> Int32 {
        let directory = directory(of: container)
        if let state = directory.load()?.state {
            _ = Process.waitForEnd(state.initPid, state.initStartTicks, seconds: nil)
            // Another shim may have taken over in the meantime.
            let last = directory.load()?.state ?? state
            _ = Process.waitForEnd(last.shimPid, last.shimStartTicks, seconds: nil)
        }
        guard let code = directory.load()?.container.exitCode else {
            throw RuntimeError(
                .system,
                "the exit code of \(quoted(container.name)) is not known: its shim was "
                    + "killed before it could write it down")
        }
        return code
    }

    // MARK: Ending

    /// Sends SIGTERM to the container's first process, and SIGKILL when it has not ended after
    /// `timeout` seconds. Returns when the container has ended.
    public func stop(_ container: Container, timeout: Double) throws(RuntimeError) {
        try requireRoot("stop")
        let directory = directory(of: container)
        guard let (now, state) = directory.load(), let state, now.state == .running else { return }
        Process.signal(state.initPid, state.initStartTicks, SIGTERM)
        if !Process.waitForEnd(state.initPid, state.initStartTicks, seconds: timeout) {
            Process.signal(state.initPid, state.initStartTicks, SIGKILL)
            guard Process.waitForEnd(state.initPid, state.initStartTicks, seconds: 10) else {
                throw RuntimeError(
                    .system,
                    "\(quoted(container.name)) did not end 10 s after SIGKILL: its first "
                        + "process is stuck in the kernel")
            }
        }
        _ = Process.waitForEnd(state.shimPid, state.shimStartTicks, seconds: 10)
    }

    /// Removes the container: its directory, its log, its cgroups. One that runs is refused, or
    /// killed first with `force`.
    public func remove(_ container: Container, force: Bool) throws(RuntimeError) {
        try requireRoot("rm")
        let directory = directory(of: container)
        if isRunning(container) {
            guard force else {
                throw RuntimeError(
                    .conflict, "\(quoted(container.name)) is running: stop it first, or use -f")
            }
            try stop(container, timeout: 0)
        }
        try erase(directory)
    }

    /// Removes what a start that was cut short, or a killed shim, left behind: cgroups of
    /// containers that do not run, and directories without a configuration.
    public func sweep() throws(RuntimeError) {
        try requireRoot("clearing leftovers")
        let lock = try NameLock(containers: containersPath)
        defer { lock.release() }
        for directory in directories() {
            guard let (container, state) = directory.load() else {
                try erase(directory)
                continue
            }
            let isShimAlive = state.map { Process.isAlive($0.shimPid, $0.shimStartTicks) } ?? false
            if container.state != .running, !isShimAlive {
                CgroupPlan.remove(cgroups(directory.id))
            }
        }
    }

    // MARK: Pieces

    private func cgroups(_ id: String) -> [String] {
        hierarchies.directories(of: CgroupPlan.parent + "/" + id)
    }

    func directory(of container: Container) -> ContainerDirectory {
        ContainerDirectory(containers: containersPath, id: container.id)
    }

    /// Takes a container out of the world.
    func erase(_ directory: ContainerDirectory) throws(RuntimeError) {
        CgroupPlan.remove(cgroups(directory.id))
        try FileTree.remove(directory.path)
    }

    func requireRoot(_ what: String) throws(RuntimeError) {
        guard geteuid() == 0 else {
            throw RuntimeError(
                .permission,
                "`ullage \(what)` needs root, because it works on namespaces, mounts "
                    + "and cgroups: try `sudo ullage \(what) ...`")
        }
    }

    /// The directories that are named as containers are.
    func directories() -> [ContainerDirectory] {
        FileTree.entries(of: containersPath).filter(Self.isID).map {
            ContainerDirectory(containers: containersPath, id: $0)
        }
    }

    static func isID(_ name: String) -> Bool {
        name.utf8.count == 64
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            }
    }
}
