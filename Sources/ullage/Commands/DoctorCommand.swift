// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Linux

/// `ullage doctor`: what this host offers, and where each number comes from.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Show what this host offers, the source of each number, and what is missing.")

    func run() {
        let hierarchies = CgroupHierarchies()
        let facts = HostFacts()
        Terminal.write("kernel      \(facts.kernel ?? "unknown")\n")
        Terminal.write("cgroups     \(Self.describe(hierarchies))\n")
        Terminal.write(
            "root        \(geteuid() == 0 ? "yes" : "no: containers can be watched, not run")\n\n")
        var table = Table([.left("NUMBER"), .left("SOURCE")])
        let numbers: [(String, CgroupHierarchies.Controller, String, String)] = [
            ("cpu time", .cpuacct, "cpu.stat", "cpuacct.usage"),
            ("cpu quota, throttling", .cpu, "cpu.max, cpu.stat", "cpu.cfs_quota_us, cpu.stat"),
            (
                "memory, its limit", .memory, "memory.current, memory.max",
                "memory.usage_in_bytes, memory.limit_in_bytes"
            ),
            ("out of memory kills", .memory, "memory.events", "memory.oom_control"),
            ("pids, their limit", .pids, "pids.current, pids.max", "pids.current, pids.max"),
            ("block devices", .io, "io.stat", "blkio.throttle.io_service_bytes_recursive"),
        ]
        for (name, controller, unified, legacy) in numbers {
            let source: String
            if hierarchies.unifiedHas(controller), let mount = hierarchies.unified {
                source = "\(mount)/…/\(unified)"
            } else if let mount = hierarchies.legacyMount(controller) {
                source = "\(mount)/…/\(legacy)"
            } else {
                source = "missing: no hierarchy has the \(controller.rawValue) controller"
            }
            table.append([name, source])
        }
        let hasPressure = access("/proc/pressure/cpu", R_OK) == 0
        let pressure =
            hierarchies.unified == nil
            ? "missing: only cgroup v2 has it"
            : hasPressure
                ? "\(hierarchies.unified ?? "")/…/{cpu,memory,io}.pressure"
                : "missing: the kernel was started without psi=1"
        table.append(["pressure (PSI)", pressure])
        Terminal.write(table.rendered())
    }

    private static func describe(_ hierarchies: CgroupHierarchies) -> String {
        switch hierarchies.kind {
        case .unified: "version 2 at \(hierarchies.unified ?? "")"
        case .hybrid: "hybrid: version 2 at \(hierarchies.unified ?? "") beside version 1"
        case .legacy: "version 1 only: no pressure, no per-container events"
        case .none: "not mounted: containers cannot be accounted for"
        }
    }
}
