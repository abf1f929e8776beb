// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model

/// The findings of one container, looked at again once a minute, as series of its target.
struct ContainerAudit {
    private(set) var findings: [AuditFinding] = []
    private(set) var security: ProcessSecurity?
    private var due = -Double.infinity
    private var series: [String: SeriesRef] = [:]
    private var namespaceSeries: [String: SeriesRef] = [:]

    /// Looks anew when it is time. A process that is not the one found is not looked at.
    mutating func update(
        _ container: Container, _ reading: borrowing CgroupReading, host: HostConfinement,
        proc: String, at seconds: Double, _ buffer: inout ReadBuffer
    ) {
        guard seconds >= due || seconds < due - 120, container.engine != .systemd,
            container.engine != .cgroup, let pid = container.initPID
        else { return }
        due = seconds + 59.9
        let stat = KernelFile.readOnce(path: "\(proc)/\(pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        guard let stat = stat.flatMap({ $0 }),
            UInt64(stat.startTicks) == container.initStartTicks,
            let security = ProcessSecurity(pid: "\(pid)", proc: proc, buffer: &buffer)
        else { return }
        self.security = security
        findings = AuditCheck.findings(
            AuditSubject(
                container: container, security: security, hostNamespaces: host.namespaces,
                memoryLimit: reading.memoryLimit, pidsLimit: reading.pidsLimit,
                hasCPULimit: reading.quota?.quota != nil
                    || (reading.extras.cpuWeight ?? 100) != 100,
                hasSecurityModule: host.hasSecurityModule))
    }

    /// Adds 1 for a check that passes and 0 for one that fails; nothing for what is not known. And
    /// of each namespace its number.
    mutating func sample(
        into batch: inout Batch, appender: any Appender, target: TargetRef, host: HostConfinement
    ) throws {
        for finding in findings where finding.verdict != .unknown {
            let ref: SeriesRef
            if let known = series[finding.check] {
                ref = known
            } else {
                ref = try appender.series(
                    ContainerMetrics.auditCheck, target: target,
                    labels: ["check": finding.check, "severity": finding.severity.rawValue])
                series[finding.check] = ref
            }
            batch.append(ref, finding.verdict == .pass ? 1 : 0)
        }
        for (name, inode) in security?.namespaces ?? [:] {
            let ref: SeriesRef
            if let known = namespaceSeries[name] {
                ref = known
            } else {
                let isShared = host.namespaces[name] == inode
                ref = try appender.series(
                    ContainerMetrics.namespace, target: target,
                    labels: ["namespace": name, "shared_with_host": isShared ? "true" : "false"])
                namespaceSeries[name] = ref
            }
            batch.append(ref, Double(inode))
        }
    }
}

/// What the host is, for comparison; read once.
struct HostConfinement {
    var namespaces: [String: UInt64] = [:]
    var hasSecurityModule = false

    init(proc: String) {
        // The first process has the host's own; without the right to look, the agent's are taken,
        // which are the host's unless the agent runs in a container itself.
        for name in ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] {
            var status = stat()
            if stat("\(proc)/1/ns/\(name)", &status) == 0
                || stat("\(proc)/self/ns/\(name)", &status) == 0
            {
                namespaces[name] = UInt64(status.st_ino)
            }
        }
        var buffer = ReadBuffer()
        let apparmor = KernelFile.readOnce(
            path: "/sys/module/apparmor/parameters/enabled", into: &buffer
        ) { $0.first == UInt8(ascii: "Y") }
        let selinux = KernelFile.readOnce(path: "/sys/fs/selinux/enforce", into: &buffer) { _ in
            true
        }
        hasSecurityModule = apparmor == true || selinux == true
    }
}
