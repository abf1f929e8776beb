// SPDX-License-Identifier: Apache-2.0

/// Where a process is accounted (`/proc/PID/cgroup`, cgroups(7)).
public enum ProcessCgroup {
    /// The cgroup of process `pid` up to the part of its path that has `id` in it, and the
    /// process' start. nil when the process is gone or belongs to somebody else: a reused pid is
    /// in another cgroup.
    public static func find(
        pid: Int32, holding id: String, proc: String = "/proc", _ buffer: inout ReadBuffer
    ) -> (path: String, startTicks: UInt64)? {
        guard pid > 0, !id.isEmpty else { return nil }
        let text = KernelFile.readOnce(path: "\(proc)/\(pid)/cgroup", into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        guard let text, let path = path(in: text, holding: id) else { return nil }
        let stat = KernelFile.readOnce(path: "\(proc)/\(pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        guard let stat = stat.flatMap({ $0 }), stat.state != UInt8(ascii: "Z") else { return nil }
        return (path, UInt64(stat.startTicks))
    }

    static func path(in text: String, holding id: String) -> String? {
        for line in text.split(separator: "\n") {
            let fields = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, let found = fields[2].firstRange(of: id) else { continue }
            let rest = fields[2][found.upperBound...]
            return String(fields[2][..<(rest.firstIndex(of: "/") ?? rest.endIndex)])
        }
        return nil
    }

    /// The whole path of a process in v2, or where v1 accounts memory; nil when it is gone.
    public static func path(
        of pid: Int32, proc: String = "/proc", _ buffer: inout ReadBuffer
    ) -> String? {
        let text = KernelFile.readOnce(path: "\(proc)/\(pid)/cgroup", into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        var unified: String?
        for line in (text ?? "").split(separator: "\n") {
            let fields = line.split(
                separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[1].split(separator: ",").contains("memory") { return String(fields[2]) }
            if fields[0] == "0" { unified = String(fields[2]) }
        }
        return unified
    }

    /// The first process listed in a cgroup's directory, with its start; nil when it has none.
    public static func first(
        in directory: String, proc: String = "/proc", _ buffer: inout ReadBuffer
    ) -> (pid: Int32, startTicks: UInt64)? {
        let number = KernelFile.readOnce(path: directory + "/cgroup.procs", into: &buffer) {
            FlatKeyed.single($0)
        }
        guard let number = number.flatMap({ $0 }), let pid = Int32(exactly: number), pid > 0 else {
            return nil
        }
        let stat = KernelFile.readOnce(path: "\(proc)/\(pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        return stat.flatMap { $0 }.map { (pid, UInt64($0.startTicks)) }
    }
}
