// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// Everything a check looks at.
struct AuditSubject {
    var container: Container
    var security: ProcessSecurity
    /// The inodes of the host's namespaces, by name.
    var hostNamespaces: [String: UInt64]
    /// Limits by the cgroup's word; nil for none.
    var memoryLimit: Int64?
    var pidsLimit: Int64?
    var hasCPULimit: Bool
    /// Whether the host has AppArmor or SELinux at work.
    var hasSecurityModule: Bool
}

/// One check of a container's confinement.
struct AuditCheck: Sendable {
    /// What came out, with the reason.
    enum Outcome {
        case pass
        case fail(String)
        case unknown(String)
        /// Does not apply here.
        case skip
    }

    let name: String
    let cis: String
    let title: String
    let severity: AuditFinding.Severity
    let remedy: String
    let evaluate: @Sendable (AuditSubject) -> Outcome

    /// Runs all checks.
    static func findings(_ subject: AuditSubject) -> [AuditFinding] {
        all.compactMap { check in
            func finding(_ verdict: AuditFinding.Verdict, _ reason: String) -> AuditFinding {
                AuditFinding(
                    check: check.name, cis: check.cis, title: check.title,
                    severity: check.severity, verdict: verdict, reason: reason,
                    remedy: check.remedy)
            }
            switch check.evaluate(subject) {
            case .pass: return finding(.pass, "")
            case .fail(let reason): return finding(.fail, reason)
            case .unknown(let reason): return finding(.unknown, reason)
            case .skip: return nil
            }
        }
    }

    static let all: [AuditCheck] = confinement + namespaces + mounts + limits + exposure

    private static let needsPtrace = "the agent lacks CAP_SYS_PTRACE to look"

    // MARK: Rights

    /// Docker's default set (moby, oci/caps/defaults.go).
    static let defaultCapabilities: Set<String> = [
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP",
    ]
    /// Each of these is a way to the host.
    static let dangerousCapabilities: Set<String> = [
        "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_BOOT",
        "NET_ADMIN", "BPF", "PERFMON", "MAC_ADMIN", "MAC_OVERRIDE", "SYSLOG",
    ]

    private static let confinement: [AuditCheck] = [
        AuditCheck(
            name: "privileged", cis: "5.4", title: "is not privileged", severity: .high,
            remedy: "Run it without --privileged and add the capabilities and devices it needs."
        ) { subject in
            guard let set = subject.security.capabilities else { return .unknown(needsPtrace) }
            // All of the 38 that every kernel of today has.
            let all: UInt64 = (1 << 38) - 1
            let isOpen = set & all == all && (subject.security.rootUser ?? 0) == 0
            return isOpen ? .fail("it has every capability of the host's root") : .pass
        },
        AuditCheck(
            name: "capabilities", cis: "5.3", title: "has no capability beyond Docker's default",
            severity: .high, remedy: "Drop what it does not need: --cap-drop ALL --cap-add ..."
        ) { subject in
            guard let set = subject.security.capabilities else { return .unknown(needsPtrace) }
            // In a user namespace of its own they are capabilities over that namespace alone.
            if let root = subject.security.rootUser, root != 0 { return .pass }
            let extra = Capability.names(in: set).filter { !defaultCapabilities.contains($0) }
            guard !extra.isEmpty else { return .pass }
            let worst = extra.filter(dangerousCapabilities.contains)
            let shown = (worst.isEmpty ? extra : worst).prefix(6).joined(separator: ", ")
            return .fail("it has \(extra.count) more, among them \(shown)")
        },
        AuditCheck(
            name: "root_user", cis: "4.1", title: "does not run as the host's root",
            severity: .medium, remedy: "Set USER in the image, --user, or user namespaces."
        ) { subject in
            guard let uid = subject.security.uid else { return .unknown("no such process") }
            return uid == 0 ? .fail("its first process is root on the host") : .pass
        },
        AuditCheck(
            name: "no_new_privileges", cis: "5.25", title: "cannot gain privileges",
            severity: .medium, remedy: "Run it with --security-opt no-new-privileges."
        ) { subject in
            guard let isSet = subject.security.noNewPrivileges else {
                return .unknown("no such process")
            }
            return isSet ? .pass : .fail("set-user-id programs work in it")
        },
        AuditCheck(
            name: "seccomp", cis: "5.21", title: "has a seccomp filter", severity: .medium,
            remedy: "Leave the engine's default profile on: no --security-opt seccomp=unconfined."
        ) { subject in
            guard let mode = subject.security.seccomp else { return .unknown("no such process") }
            return mode == 0 ? .fail("it may make every system call") : .pass
        },
        AuditCheck(
            name: "security_module", cis: "5.1, 5.2", title: "has an AppArmor or SELinux profile",
            severity: .medium,
            remedy: "Leave the engine's default profile on: no --security-opt apparmor=unconfined."
        ) { subject in
            guard subject.hasSecurityModule else { return .skip }
            guard let profile = subject.security.profile else { return .unknown(needsPtrace) }
            let isOpen = profile.hasPrefix("unconfined") || profile.contains("unconfined_t")
            return isOpen ? .fail("it is unconfined") : .pass
        },
    ]

    // MARK: Namespaces

    private static func shares(
        _ namespace: String, cis: String, title: String, severity: AuditFinding.Severity,
        reason: String, remedy: String
    ) -> AuditCheck {
        AuditCheck(
            name: "host_\(namespace == "mnt" ? "mount" : namespace)", cis: cis, title: title,
            severity: severity, remedy: remedy
        ) { subject in
            guard let own = subject.security.namespaces[namespace],
                let host = subject.hostNamespaces[namespace]
            else { return .unknown(needsPtrace) }
            return own == host ? .fail(reason) : .pass
        }
    }

    private static let namespaces: [AuditCheck] = [
        shares(
            "pid", cis: "5.15", title: "has processes of its own", severity: .high,
            reason: "it sees, and as root may signal, the host's processes",
            remedy: "Run it without --pid=host."),
        shares(
            "net", cis: "5.9", title: "has a network of its own", severity: .medium,
            reason: "it reaches what the host listens to on loopback, and may take its ports",
            remedy: "Run it without --network=host and publish the ports it needs."),
        shares(
            "ipc", cis: "5.16", title: "has shared memory of its own", severity: .medium,
            reason: "it shares System V IPC and message queues with the host",
            remedy: "Run it without --ipc=host."),
        shares(
            "uts", cis: "5.20", title: "has a host name of its own", severity: .low,
            reason: "as root it could change the host's name", remedy: "Run it without --uts=host."),
        shares(
            "user", cis: "2.8", title: "has users of its own", severity: .low,
            reason: "its root is the host's root once it escapes",
            remedy: "Use user namespaces: userns-remap, or rootless."),
        shares(
            "cgroup", cis: "5.24", title: "has a cgroup view of its own", severity: .low,
            reason: "it sees the host's cgroups", remedy: "Run it without --cgroupns=host."),
    ]

    // MARK: Mounts

    private static let mounts: [AuditCheck] = [
        AuditCheck(
            name: "engine_socket", cis: "5.31", title: "has no engine's socket", severity: .high,
            remedy: "Do not mount it; give a read-only proxy that allows what is needed."
        ) { subject in
            guard !subject.security.mounts.isEmpty else { return .unknown(needsPtrace) }
            let found = subject.security.mounts.first { Paths.isEngineSocket($0) }
            return found.map { .fail("\($0.mountPoint) is \($0.root) of the host") } ?? .pass
        },
        AuditCheck(
            name: "sensitive_mounts", cis: "5.5", title: "has no sensitive directory of the host",
            severity: .high, remedy: "Mount the one file it needs, read-only."
        ) { subject in
            guard !subject.security.mounts.isEmpty else { return .unknown(needsPtrace) }
            let found = Paths.sensitive(in: subject)
            guard let first = found.first else { return .pass }
            let more = found.count > 1 ? " and \(found.count - 1) more" : ""
            return .fail("\(first)\(more)")
        },
        AuditCheck(
            name: "writable_rootfs", cis: "5.12", title: "has a read-only root file system",
            severity: .low, remedy: "Run it with --read-only, and tmpfs or volumes for its data."
        ) { subject in
            guard let root = subject.security.mounts.last(where: { $0.mountPoint == "/" }) else {
                return .unknown(needsPtrace)
            }
            return root.isReadOnly ? .pass : .fail("its root file system can be written to")
        },
        AuditCheck(
            name: "mount_propagation", cis: "5.19", title: "shares no mounts with the host",
            severity: .medium, remedy: "Leave out :shared and :rshared."
        ) { subject in
            guard !subject.security.mounts.isEmpty else { return .unknown(needsPtrace) }
            let found = subject.security.mounts.first { $0.isShared && $0.mountPoint != "/" }
            return found.map { .fail("what it mounts below \($0.mountPoint) appears outside") }
                ?? .pass
        },
        AuditCheck(
            name: "host_devices", cis: "5.17", title: "has none of the host's disks",
            severity: .high, remedy: "Run it without --device of disks and without /dev mounted."
        ) { subject in
            guard !subject.security.mounts.isEmpty else { return .unknown(needsPtrace) }
            let found = subject.security.mounts.first {
                $0.type == "devtmpfs" && $0.mountPoint == "/dev" && $0.root == "/"
            }
            return found == nil ? .pass : .fail("the whole /dev of the host is mounted")
        },
    ]

    // MARK: Limits

    private static let limits: [AuditCheck] = [
        AuditCheck(
            name: "memory_limit", cis: "5.10", title: "has a memory limit", severity: .medium,
            remedy: "Run it with --memory."
        ) { $0.memoryLimit == nil ? .fail("it may take all of the host's memory") : .pass },
        AuditCheck(
            name: "pids_limit", cis: "5.28", title: "has a limit of processes", severity: .medium,
            remedy: "Run it with --pids-limit."
        ) { $0.pidsLimit == nil ? .fail("a fork bomb in it stops the host") : .pass },
        AuditCheck(
            name: "cpu_limit", cis: "5.11", title: "has a CPU limit", severity: .low,
            remedy: "Run it with --cpus, or a weight with --cpu-shares."
        ) { $0.hasCPULimit ? .pass : .fail("it may take every processor") },
    ]

    // MARK: Ports and upkeep

    private static let exposure: [AuditCheck] = [
        AuditCheck(
            name: "ports_on_all_addresses", cis: "5.13",
            title: "publishes ports on chosen addresses only", severity: .medium,
            remedy: "Publish with an address: -p 127.0.0.1:8080:80."
        ) { subject in
            let open = subject.container.ports.filter {
                ["", "0.0.0.0", "::"].contains($0.hostAddress)
            }
            guard !open.isEmpty else { return .pass }
            let list = open.prefix(4).map { "\($0.hostPort)/\($0.transport)" }
            return .fail("on every address of the host: \(list.joined(separator: ", "))")
        },
        AuditCheck(
            name: "privileged_ports", cis: "5.7", title: "publishes no port below 1024",
            severity: .low, remedy: "Publish on a higher port, behind a proxy if need be."
        ) { subject in
            let low = subject.container.ports.filter { $0.hostPort < 1024 }
            guard !low.isEmpty else { return .pass }
            return .fail(
                "it has \(low.prefix(4).map { "\($0.hostPort)" }.joined(separator: ", "))")
        },
        AuditCheck(
            name: "health_check", cis: "5.26", title: "has a health check", severity: .low,
            remedy: "Add HEALTHCHECK to the image, or --health-cmd."
        ) { subject in
            // Only Docker's state on disk tells.
            guard subject.container.engine == .docker else { return .skip }
            return subject.container.health == nil
                ? .fail("nobody notices when it hangs") : .pass
        },
        AuditCheck(
            name: "image_tag", cis: "5.27", title: "runs a named version of its image",
            severity: .low, remedy: "Name a version or a digest instead of latest."
        ) { subject in
            let image = subject.container.image
            guard !image.isEmpty, !image.hasPrefix("/"), !image.contains("@") else { return .skip }
            let last = image.split(separator: "/").last ?? ""
            let tag = last.split(separator: ":").dropFirst().last ?? "latest"
            return tag == "latest" ? .fail("\(image) may be another image tomorrow") : .pass
        },
    ]
}

/// Which mounts give the host away.
private enum Paths {
    private static let sockets = [
        "docker.sock", "podman.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock",
    ]
    private static let directories = [
        "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr", "/root", "/var/lib/docker",
        "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet", "/run", "/var/run",
    ]

    static func isEngineSocket(_ mount: ProcessSecurity.Mount) -> Bool {
        sockets.contains { mount.root.hasSuffix("/" + $0) || mount.mountPoint.hasSuffix("/" + $0) }
    }

    /// Files that engines mount in every container, from their own directories.
    private static func isEngines(_ mount: ProcessSecurity.Mount) -> Bool {
        [
            "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv", "/run/secrets",
            "/dev/shm", "/dev/termination-log", "/sys/fs/cgroup",
        ].contains(mount.mountPoint)
    }

    /// Bind mounts of sensitive directories, and the whole of a disk, in words.
    static func sensitive(in subject: AuditSubject) -> [String] {
        var found: [String] = []
        for mount in subject.container.mounts where mount.kind == "bind" {
            if mount.source == "/" || directories.contains(mount.source) {
                let mode = mount.isReadOnly ? "read-only" : "writable"
                found.append("\(mount.source) of the host is \(mode) at \(mount.destination)")
            }
        }
        let disks: Set<String> = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs"]
        for mount in subject.security.mounts
        where disks.contains(mount.type) && mount.mountPoint != "/" && !isEngines(mount) {
            let isSensitive = mount.root == "/" || directories.contains(mount.root)
            guard isSensitive, !found.contains(where: { $0.hasSuffix(" " + mount.mountPoint) })
            else { continue }
            let mode = mount.isReadOnly ? "read-only" : "writable"
            found.append("\(mount.root) of a disk is \(mode) at \(mount.mountPoint)")
        }
        return found
    }
}
