// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One process as `/proc` shows it to everybody (proc(5)). The command is untrusted text.
public struct ProcessEntry: Hashable, Sendable {
    /// Its number on the host.
    public var pid: Int32
    /// Its parent's.
    public var parent: Int32
    /// Its number in its own pid namespace, where it is another.
    public var innerPid: Int32?
    /// Whose it is, in the host's numbering.
    public var uid: UInt32
    /// The state letter: `R`, `S`, `Z`, ...
    public var state: UInt8
    /// Its threads.
    public var threads: Int64
    /// CPU time since its start, in seconds.
    public var cpuSeconds: Double
    /// Resident memory in bytes.
    public var residentBytes: Int64
    /// When it started, in milliseconds since the epoch.
    public var startedAt: Int64
    /// Its command line; of a kernel thread or a zombie its name in brackets.
    public var command: [String]
}

/// The processes of a cgroup and of those below it.
public enum ProcessList {
    /// Processes looked at.
    public static let limit = 4096
    private static let commandLimit = 4096
    private static let maxDepth = 8

    /// The processes in the cgroup `path` by whichever hierarchy has it, by number. Those that end
    /// meanwhile are left out.
    public static func inCgroup(
        _ path: String, of hierarchies: CgroupHierarchies, proc: String = "/proc"
    ) -> [ProcessEntry] {
        var buffer = ReadBuffer()
        let boot = bootTime(proc, &buffer)
        return pids(inCgroup: path, of: hierarchies).compactMap { entry($0, proc, boot, &buffer) }
    }

    /// The numbers of those processes.
    public static func pids(
        inCgroup path: String, of hierarchies: CgroupHierarchies
    ) -> [Int32] {
        var buffer = ReadBuffer()
        var pids: Set<Int32> = []
        for directory in hierarchies.directories(of: path) where pids.isEmpty {
            collect(directory, depth: 0, &buffer, into: &pids)
        }
        return pids.sorted()
    }

    private static func collect(
        _ directory: String, depth: Int, _ buffer: inout ReadBuffer, into pids: inout Set<Int32>
    ) {
        var found: [Int32] = []
        KernelFile.readOnce(path: directory + "/cgroup.procs", into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            while let pid = scanner.number(), found.count < limit {
                // 0 stands for a process of another pid namespace.
                if let pid = Int32(exactly: pid), pid > 0 { found.append(pid) }
                scanner.skipLine()
            }
        }
        pids.formUnion(found)
        guard depth < maxDepth, pids.count < limit else { return }
        for child in DirectoryListing.directories(directory, limit: 256) ?? [] {
            collect("\(directory)/\(child)", depth: depth + 1, &buffer, into: &pids)
        }
    }

    /// Seconds since the epoch at boot (`btime` of `/proc/stat`).
    private static func bootTime(_ proc: String, _ buffer: inout ReadBuffer) -> Int64 {
        var boot: Int64 = 0
        KernelFile.readOnce(path: proc + "/stat", into: &buffer) { bytes in
            FlatKeyed.parse(bytes) { key, value in if key.equals("btime") { boot = value } }
        }
        return boot
    }

    private static func entry(
        _ pid: Int32, _ proc: String, _ boot: Int64, _ buffer: inout ReadBuffer
    ) -> ProcessEntry? {
        let stat = KernelFile.readOnce(path: "\(proc)/\(pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        guard let stat = stat.flatMap({ $0 }) else { return nil }
        let ticks = Clock.ticksPerSecond
        var entry = ProcessEntry(
            pid: pid, parent: 0, innerPid: nil, uid: 0, state: stat.state, threads: 1,
            cpuSeconds: Double(stat.userTicks &+ stat.systemTicks) / Double(ticks),
            residentBytes: stat.residentPages &* Clock.pageSize,
            startedAt: boot * 1000 + stat.startTicks &* 1000 / ticks, command: [])
        var name = ""
        KernelFile.readOnce(path: "\(proc)/\(pid)/status", into: &buffer) { bytes in
            name = readStatus(bytes, into: &entry)
        }
        KernelFile.readOnce(path: "\(proc)/\(pid)/cmdline", into: &buffer) { bytes in
            entry.command = bytes.prefix(commandLimit).split(separator: 0)
                .map { String(decoding: $0, as: UTF8.self) }
        }
        if entry.command.isEmpty { entry.command = ["[\(name)]"] }
        return entry
    }

    /// Takes what `/proc/PID/status` says, and gives the process' name.
    static func readStatus(
        _ bytes: UnsafeRawBufferPointer, into entry: inout ProcessEntry
    ) -> String {
        var name = ""
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split { $0 == "\t" || $0 == " " }
            guard words.count >= 2 else { continue }
            switch words[0] {
            case "Name:": name = String(line.drop { $0 != "\t" }.dropFirst())
            case "PPid:": entry.parent = Int32(words[1]) ?? 0
            case "Uid:": entry.uid = UInt32(words[1]) ?? 0
            case "Threads:": entry.threads = Int64(words[1]) ?? 1
            case "NSpid:":
                // From the reader's namespace to the process' own.
                let inner = words.last.flatMap { Int32($0) }
                entry.innerPid = words.count > 2 ? inner : nil
            default: break
            }
        }
        return name
    }
}
