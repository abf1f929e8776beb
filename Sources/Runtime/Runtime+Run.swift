// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
public import Model

extension Runtime {
    /// Makes a container and starts it; returns when its command has been executed.
    ///
    /// With `outputs` what it writes goes there too. On failure nothing of the container is left.
    /// The error's `exitCode` is 127 when there is no such command, 126 when it may not be executed,
    /// 125 for everything else.
    public func run(
        _ spec: ContainerSpec, outputs: AttachedOutputs? = nil
    ) throws(RuntimeError) -> Container {
        try requireRoot("run")
        try check(spec)
        let directory = try create(spec)
        do throws(RuntimeError) {
            let plan = try CgroupPlan(
                id: directory.id, limits: spec.limits, hierarchies: hierarchies)
            try directory.write(
                try shimSpec(spec, plan, directory, isAttached: outputs != nil),
                to: "shim.spec", mode: 0o600)
            try plan.create()
            try ShimProcess.start(shimPath, directory: directory, outputs: outputs)
        } catch {
            try? erase(directory)
            throw error
        }
        guard let container = directory.load()?.container else {
            throw RuntimeError(.system, "the container was started but \(directory.path) is gone")
        }
        return container
    }

    /// Everything about the request that can be judged without doing anything.
    private func check(_ spec: ContainerSpec) throws(RuntimeError) {
        guard Self.isValidName(spec.name) else {
            throw RuntimeError(
                .invalid,
                "\(quoted(spec.name)) cannot be a container's name: a letter or digit, "
                    + "then up to 127 letters, digits, `_`, `.` and `-`")
        }
        try spec.log.validate()
        guard let command = spec.command.first, !command.isEmpty else {
            throw RuntimeError(.invalid, "there is no command to run")
        }
        let texts =
            spec.command + spec.environment + [spec.rootfs, spec.workingDirectory]
            + spec.labels.flatMap { [$0.key, $0.value] } + spec.log.options.values
        guard texts.allSatisfy({ !$0.utf8.contains(0) }) else {
            throw RuntimeError(
                .invalid, "a command, variable, label, option or path has a NUL byte")
        }
        guard texts.reduce(0, { $0 + $1.utf8.count + 16 }) < 2 << 20 else {
            throw RuntimeError(.invalid, "command, environment and labels are over 2 MiB")
        }
        var status = stat()
        guard stat(spec.rootfs, &status) == 0 else {
            throw .system("cannot use \(quoted(spec.rootfs)) as root file system")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw RuntimeError(
                .invalid,
                "\(quoted(spec.rootfs)) is not a directory: --rootfs wants the directory "
                    + "that becomes the container's `/`")
        }
        guard access(shimPath, X_OK) == 0 else {
            throw .system("cannot execute the shim \(shimPath)")
        }
    }

    /// Docker's rule for names.
    static func isValidName(_ name: String) -> Bool {
        guard (1...128).contains(name.utf8.count) else { return false }
        return name.utf8.enumerated().allSatisfy { i, byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
            case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): i > 0
            default: false
            }
        }
    }

    /// Makes the container's directory, while no one else can take its name.
    private func create(_ spec: ContainerSpec) throws(RuntimeError) -> ContainerDirectory {
        try FileTree.makeDirectories(containersPath, mode: 0o755)
        let lock = try NameLock(containers: containersPath)
        defer { lock.release() }
        if let holder = list().first(where: { $0.name == spec.name }) {
            throw RuntimeError(
                .conflict,
                "the name \(quoted(spec.name)) belongs to container "
                    + "\(holder.id.prefix(12)), which is \(holder.state.rawValue): remove it with "
                    + "`ullage rm`, or choose another name")
        }
        let directory = ContainerDirectory(containers: containersPath, id: try Self.newID())
        let base = uid_t(Self.userBase)
        for (name, mode) in [
            ("", 0o755), ("/upper", 0o755), ("/work", 0o755), ("/merged", 0o755), ("/lower", 0o755),
        ] as [(String, mode_t)] {
            guard mkdir(directory.path + name, mode) == 0 else {
                throw .system("cannot make \(directory.path + name)")
            }
        }
        guard chown(directory.path + "/upper", base, base) == 0 else {
            throw .system("cannot give \(directory.path)/upper to the container's root")
        }
        do throws(RuntimeError) {
            try directory.write(
                .init(
                    name: spec.name, rootfs: spec.rootfs, command: spec.command,
                    labels: spec.labels, generation: 0, createdAtMs: Clock.realtimeMilliseconds(),
                    cgroupPath: CgroupPlan.parent + "/" + directory.id,
                    memoryBytes: spec.limits.memory, cpus: spec.limits.cpus,
                    pids: spec.limits.pids, logDriver: spec.log.driver,
                    logOptions: spec.log.options))
        } catch {
            try? erase(directory)
            throw error
        }
        return directory
    }

    /// The host's number for the container's root; 65,536 users from there are its own.
    static let userBase = 100_000

    /// `shim.spec`: `key NUL value NUL`, again and again.
    private func shimSpec(
        _ spec: ContainerSpec, _ plan: CgroupPlan, _ directory: ContainerDirectory,
        isAttached: Bool
    ) throws(RuntimeError) -> [UInt8] {
        var bytes: [UInt8] = []
        func add(_ key: String, _ value: String) {
            bytes += Array(key.utf8) + [0] + Array(value.utf8) + [0]
        }
        let hostname = spec.hostname ?? String(directory.id.prefix(12))
        add("rootfs", spec.rootfs)
        add("workdir", spec.workingDirectory)
        add("hostname", hostname)
        add("uid-base", "\(Self.userBase)")
        add("log", directory.log)
        if isAttached { add("attached", "yes") }
        let subject = LogSubject(spec, id: directory.id)
        for (key, value) in try spec.log.plan(subject) { add(key, value) }
        for cgroup in plan.directories { add("cgroup", cgroup) }
        for limit in plan.lateLimits { add("late", "\(limit.file)=\(limit.value)") }
        for argument in spec.command { add("arg", argument) }
        for (name, value) in [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/root"), ("HOSTNAME", hostname),
        ] where !spec.environment.contains(where: { $0.hasPrefix(name + "=") }) {
            add("env", "\(name)=\(value)")
        }
        for variable in spec.environment { add("env", variable) }
        return bytes
    }

    private static func newID() throws(RuntimeError) -> String {
        var random = [UInt8](repeating: 0, count: 32)
        guard getentropy(&random, random.count) == 0 else {
            throw .system("cannot make an id: no random bytes")
        }
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: random.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }
}
