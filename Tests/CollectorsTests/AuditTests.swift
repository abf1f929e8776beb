// SPDX-License-Identifier: Apache-2.0

import Collectors
import Foundation
import Linux
import Model
import TestSupport
import Testing

@Suite("How containers are confined")
struct AuditTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("audit")
        try KernelFixture.v6_12.write(in: directory)
        try namespaces(of: "1", prefix: "host")
    }

    private func namespaces(of pid: String, prefix: String) throws {
        for name in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
            try directory.write("\(prefix)-\(pid)-\(name)", to: "proc/\(pid)/ns/\(name)")
        }
    }

    private func process(capabilities: String, extra: String, mounts: String) throws {
        let rest = (4...24).map { $0 == 22 ? "777" : "0" }.joined(separator: " ")
        try directory.write("42 (a) S \(rest)\n", to: "proc/42/stat")
        try directory.write(
            "Name:\ta\nUid:\t0\t0\t0\t0\nCapBnd:\t\(capabilities)\n\(extra)", to: "proc/42/status")
        try directory.write(mounts, to: "proc/42/mountinfo")
        try directory.write("0 0 4294967295\n", to: "proc/42/uid_map")
    }

    private func findings(
        _ change: (inout Container) -> Void = { _ in }
    ) throws -> [String: AuditFinding] {
        var container = Container(
            engine: .docker, id: "abc", name: "web", image: "nginx:1.22", state: .running,
            createdAt: 0)
        container.cgroupPath = "/c"
        container.initPID = 42
        container.initStartTicks = 777
        change(&container)
        let recorder = Recorder()
        let collector = ContainerCollector(
            hierarchies: CgroupHierarchies(root: directory.path), proc: directory.appending("proc"))
        collector.update([container], appender: recorder)
        var batch = Batch(timestamp: 1000)
        collector.collect(into: &batch, appender: recorder)
        _ = recorder.append(batch)
        let all = collector.findings.first?.1 ?? []
        for finding in all {
            let key =
                "ullage_audit_check{check=\(finding.check)}"
                + "{severity=\(finding.severity.rawValue)}"
            let value = recorder.samples[key]
            switch finding.verdict {
            case .pass: #expect(value == 1, "\(key)")
            case .fail: #expect(value == 0, "\(key)")
            case .unknown: #expect(value == nil, "\(key)")
            }
        }
        return Dictionary(all.map { ($0.check, $0) }, uniquingKeysWith: { $1 })
    }

    private static let safeRoot = "1 0 0:30 / / ro - overlay overlay rw,upperdir=/u\n"

    @Test("A container as Docker makes it fails where Docker's default is open, and no more")
    func ordinary() throws {
        try namespaces(of: "42", prefix: "own")
        try process(
            capabilities: "00000000a80425fb", extra: "Seccomp:\t2\nNoNewPrivs:\t0\n",
            mounts: "1 0 0:30 / / rw - overlay overlay rw,upperdir=/u\n"
                + "2 1 8:1 /var/lib/docker/containers/abc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
        )
        let all = try findings()
        let failed = Set(all.values.filter { $0.verdict == .fail }.map(\.check))
        #expect(
            failed == ["root_user", "no_new_privileges", "writable_rootfs", "health_check"])
        #expect(all["capabilities"]?.verdict == .pass)
        #expect(all["host_pid"]?.verdict == .pass)
        #expect(all.values.allSatisfy { $0.verdict == .pass || !$0.remedy.isEmpty })
    }

    @Test("What gives the host away is found by the kernel's word")
    func open() throws {
        try namespaces(of: "42", prefix: "own")
        for name in ["net", "pid"] {
            try FileManager.default.removeItem(atPath: directory.appending("proc/42/ns/\(name)"))
            try FileManager.default.linkItem(
                atPath: directory.appending("proc/1/ns/\(name)"),
                toPath: directory.appending("proc/42/ns/\(name)"))
        }
        try process(
            capabilities: "000001ffffffffff", extra: "Seccomp:\t0\nNoNewPrivs:\t1\n",
            mounts: Self.safeRoot
                + "2 1 0:25 /docker.sock /var/run/docker.sock rw - tmpfs tmpfs rw\n"
                + "3 1 8:1 /etc /host\\040etc rw shared:5 - ext4 /dev/sda1 rw\n"
                + "4 1 0:6 / /dev rw - devtmpfs udev rw\n")
        let all = try findings {
            $0.image = "nginx"
            $0.ports = [
                PortMapping(hostAddress: "", hostPort: 80, containerPort: 80, transport: "tcp")
            ]
        }
        for check in [
            "privileged", "capabilities", "seccomp", "host_net", "host_pid", "engine_socket",
            "sensitive_mounts", "mount_propagation", "host_devices", "ports_on_all_addresses",
            "privileged_ports", "image_tag",
        ] {
            #expect(all[check]?.verdict == .fail, "\(check)")
            #expect(all[check]?.reason.isEmpty == false)
        }
        #expect(all["writable_rootfs"]?.verdict == .pass)
        #expect(all["sensitive_mounts"]?.reason.contains("/host etc") == true)
        #expect(all["host_ipc"]?.verdict == .pass)
    }

    @Test("Where the agent may not look, it says so and guesses nothing")
    func blind() throws {
        try process(
            capabilities: "00000000a80425fb", extra: "Seccomp:\t2\nNoNewPrivs:\t1\n", mounts: "")
        let all = try findings()
        #expect(all["host_pid"]?.verdict == .unknown)
        #expect(all["engine_socket"]?.verdict == .unknown)
        #expect(all["seccomp"]?.verdict == .pass)
    }

    @Test("A pid that another process has by now is not looked at")
    func reused() throws {
        try process(capabilities: "000001ffffffffff", extra: "", mounts: "")
        #expect(try findings { $0.initStartTicks = 1 }.isEmpty)
    }
}
