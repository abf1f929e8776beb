// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model

/// The findings of one container as series of its target. It is looked at again when its process or its
/// limits are others, and every few minutes for what the process itself may have changed.
struct ContainerAudit {
    private(set) var findings: [AuditFinding] = []
    private(set) var security: ProcessSecurity?
    private var due = -Double.infinity
    /// What was looked at last.
    private var looked: Subject?
    private var series: [String: SeriesRef] = [:]
    /// What is sampled until the next look.
    private var samples: [(series: SeriesRef, value: Double)] = []

    /// What a look depends on, as far as each tick knows it.
    private struct Subject: Equatable {
        var pid: Int32?
        var startTicks: UInt64?
        var memoryLimit: Int64?
        var pidsLimit: Int64?
        var hasCPULimit: Bool

        init(_ container: Container, _ reading: borrowing CgroupReading) {
            pid = container.initPID
            startTicks = container.initStartTicks
            memoryLimit = reading.memoryLimit
            pidsLimit = reading.pidsLimit
            hasCPULimit =
                reading.quota?.quota != nil || (reading.extras.cpuWeight ?? 100) != 100
        }
    }

    /// Whether it is time for another look.
    func isDue(
        _ container: Container, _ reading: borrowing CgroupReading, at seconds: Double
    ) -> Bool {
        seconds >= due || seconds < due - 600 || looked != Subject(container, reading)
    }

    /// Looks anew. A process that is not the one found is not looked at.
    mutating func update(
        _ container: Container, _ reading: borrowing CgroupReading, host: HostConfinement,
        proc: String, at seconds: Double, appender: any Appender, target: TargetRef,
        _ buffer: inout ReadBuffer
    ) throws {
        due = seconds + 59.9
        let subject = Subject(container, reading)
        looked = subject
        guard container.engine != .systemd, container.engine != .cgroup,
            let pid = container.initPID
        else { return }
        let stat = KernelFile.readOnce(path: "\(proc)/\(pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        guard let stat = stat.flatMap({ $0 }),
            UInt64(stat.startTicks) == container.initStartTicks,
            let security = ProcessSecurity(pid: "\(pid)", proc: proc, buffer: &buffer)
        else { return }
        // Two to five minutes that differ, so that many containers do not come in one tick.
        due = seconds + 299.9 - Double(3 * (pid & 63))
        self.security = security
        findings = AuditCheck.findings(
            AuditSubject(
                container: container, security: security, hostNamespaces: host.namespaces,
                memoryLimit: subject.memoryLimit, pidsLimit: subject.pidsLimit,
                hasCPULimit: subject.hasCPULimit,
                hasSecurityModule: host.hasSecurityModule))
        samples.removeAll(keepingCapacity: true)
        for finding in findings where finding.verdict != .unknown {
            try add(
                ContainerMetrics.auditCheck, finding.verdict == .pass ? 1 : 0,
                ["check": finding.check, "severity": finding.severity.rawValue],
                key: finding.check, appender, target)
        }
        for (name, inode) in security.namespaces {
            let isShared = host.namespaces[name] == inode
            try add(
                ContainerMetrics.namespace, Double(inode),
                ["type": name, "shared_with_host": isShared ? "true" : "false"],
                key: "namespace " + name, appender, target)
        }
    }

    private mutating func add(
        _ metric: MetricDescriptor, _ value: Double, _ labels: Labels, key: String,
        _ appender: any Appender, _ target: TargetRef
    ) throws {
        let ref = try series[key] ?? appender.series(metric, target: target, labels: labels)
        series[key] = ref
        samples.append((ref, value))
    }

    /// Adds 1 for a check that passes and 0 for one that fails; nothing for what is not known. And
    /// of each namespace its number.
    func sample(into batch: inout Batch) {
        for (series, value) in samples { batch.append(series, value) }
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
