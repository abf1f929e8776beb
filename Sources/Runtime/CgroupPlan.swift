// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
import Model

/// The cgroups of one container: the directories to make, the limits to write in them.
///
/// The container has the same path below each hierarchy, `/ullage/<id>`. On a unified host that
/// is one directory; on a hybrid host one in v2 and one in each v1 hierarchy Ullage knows.
struct CgroupPlan {
    static let parent = "/ullage"

    let path: String
    let directories: [String]
    /// Written before the container starts: file and value.
    private(set) var limits: [(file: String, value: String)] = []
    /// Written once only the container's own first process is inside.
    private(set) var lateLimits: [(file: String, value: String)] = []

    private let hierarchies: CgroupHierarchies
    private static let period: Int64 = 100_000

    /// Plans the cgroups of container `id`, or says which limit this host cannot set.
    init(id: String, limits: Container.Limits, hierarchies: CgroupHierarchies) throws(RuntimeError)
    {
        self.hierarchies = hierarchies
        path = Self.parent + "/" + id
        directories = hierarchies.directories(of: path)
        guard hierarchies.kind != .none else {
            throw RuntimeError(
                .system, "no cgroup file system is mounted, so containers cannot be accounted for")
        }
        if let memory = limits.memory { try planMemory(memory) }
        if let cpus = limits.cpus { try planCPU(cpus) }
        if let pids = limits.pids { try planPids(pids) }
    }

    private mutating func planMemory(_ bytes: Int64) throws(RuntimeError) {
        guard bytes >= 1 << 20 else {
            throw RuntimeError(
                .invalid, "a memory limit of \(bytes) bytes is too small: at least 1m")
        }
        if hierarchies.unifiedHas(.memory), let mount = hierarchies.unified {
            limits.append((mount + path + "/memory.max", "\(bytes)"))
            limits.append((mount + path + "/memory.oom.group", "0"))
        } else if let mount = hierarchies.legacyMount(.memory) {
            limits.append((mount + path + "/memory.limit_in_bytes", "\(bytes)"))
        } else {
            throw unsupported("memory")
        }
    }

    private mutating func planCPU(_ cpus: Double) throws(RuntimeError) {
        guard cpus >= 0.01, cpus <= 1024 else {
            throw RuntimeError(.invalid, "\(cpus) cpus is out of range: 0.01 to 1024")
        }
        let quota = Int64((cpus * Double(Self.period)).rounded())
        if hierarchies.unifiedHas(.cpu), let mount = hierarchies.unified {
            limits.append((mount + path + "/cpu.max", "\(quota) \(Self.period)"))
        } else if let mount = hierarchies.legacyMount(.cpu) {
            limits.append((mount + path + "/cpu.cfs_period_us", "\(Self.period)"))
            limits.append((mount + path + "/cpu.cfs_quota_us", "\(quota)"))
        } else {
            throw unsupported("cpu")
        }
    }

    private mutating func planPids(_ count: Int64) throws(RuntimeError) {
        guard count >= 1 else {
            throw RuntimeError(.invalid, "a pids limit of \(count) is too small: at least 1")
        }
        if hierarchies.unifiedHas(.pids), let mount = hierarchies.unified {
            lateLimits.append((mount + path + "/pids.max", "\(count)"))
        } else if let mount = hierarchies.legacyMount(.pids) {
            lateLimits.append((mount + path + "/pids.max", "\(count)"))
        } else {
            throw unsupported("pids")
        }
    }

    private func unsupported(_ controller: String) -> RuntimeError {
        RuntimeError(
            .system,
            "this host cannot limit \(controller): no cgroup hierarchy has that controller "
                + "(`ullage doctor` shows what there is). Leave the limit out to run without it.")
    }

    /// Makes the directories and writes the limits; takes everything back when something fails.
    func create() throws(RuntimeError) {
        if let unified = hierarchies.unified { delegate(unified) }
        do throws(RuntimeError) {
            for directory in directories { try make(directory) }
            for limit in limits { try write(limit.value, to: limit.file) }
            for limit in lateLimits where access(limit.file, W_OK) != 0 {
                throw .system("cannot set a limit in \(limit.file)")
            }
        } catch {
            Self.remove(directories)
            throw error
        }
    }

    /// Lets groups below the v2 root, and below `/ullage`, use the controllers there are. A
    /// controller that may not be enabled is missed, if it is needed, when its limit is written.
    private func delegate(_ unified: String) {
        let parent = unified + Self.parent
        mkdir(parent, 0o755)
        for controller in CgroupHierarchies.Controller.allCases
        where hierarchies.unifiedControllers.contains(controller.rawValue) {
            for directory in [unified, parent] {
                try? write("+\(controller.rawValue)", to: directory + "/cgroup.subtree_control")
            }
        }
    }

    private func make(_ directory: String) throws(RuntimeError) {
        let parent = String(directory.dropLast(path.count - Self.parent.count))
        if mkdir(parent, 0o755) != 0, errno != EEXIST {
            throw .system("cannot make the cgroup \(parent)")
        }
        if mkdir(directory, 0o755) != 0 { throw .system("cannot make the cgroup \(directory)") }
    }

    private func write(_ value: String, to file: String) throws(RuntimeError) {
        let descriptor = ul_open(file, O_WRONLY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw .system("cannot open \(file)") }
        defer { close(descriptor) }
        let written = value.utf8.withContiguousStorageIfAvailable {
            Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        guard written == value.utf8.count else { throw .system("cannot write \(value) to \(file)") }
    }

    /// Kills what is left in the directories and removes them, for as long as a second.
    static func remove(_ directories: [String]) {
        for directory in directories {
            for _ in 0..<200 {
                guard rmdir(directory) != 0, errno == EBUSY else { break }
                kill(directory)
                poll(nil, 0, 5)
            }
            // The parent goes with its last container; one that is in use stays.
            if let slash = directory.lastIndex(of: "/") { rmdir(String(directory[..<slash])) }
        }
    }

    /// Sends SIGKILL to every process of a group.
    private static func kill(_ directory: String) {
        let file = ul_open(directory + "/cgroup.kill", O_WRONLY | O_CLOEXEC, 0)
        if file >= 0 {
            Glibc.write(file, "1", 1)
            close(file)
            return
        }
        var buffer = ReadBuffer()
        KernelFile.readOnce(path: directory + "/cgroup.procs", into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            while let pid = scanner.number() {
                if pid > 0 { Glibc.kill(pid_t(clamping: pid), SIGKILL) }
                scanner.skipLine()
            }
        }
    }
}
