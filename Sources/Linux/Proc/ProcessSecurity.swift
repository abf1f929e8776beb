// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// How a process is confined, by the kernel's own word (proc(5)): what an engine was asked for may
/// differ from what is so. nil where the reader may not look.
public struct ProcessSecurity: Hashable, Sendable {
    /// The user it runs as, in the host's numbering.
    public var uid: UInt32?
    /// Capabilities it has and may get back: bits by number (linux/capability.h).
    public var capabilities: UInt64?
    /// 0 none, 1 strict, 2 a filter.
    public var seccomp: Int64?
    /// Whether set-user-id programs give it nothing.
    public var noNewPrivileges: Bool?
    /// The profile of the security module, such as `docker-default (enforce)`; `unconfined` for none.
    public var profile: String?
    /// The inode of each namespace, by its name in `/proc/PID/ns`.
    public var namespaces: [String: UInt64] = [:]
    /// What is mounted in its mount namespace; at most 512.
    public var mounts: [Mount] = []
    /// The user that root inside is on the host; nil when that cannot be read.
    public var rootUser: UInt32?

    /// A line of `/proc/PID/mountinfo`.
    public struct Mount: Hashable, Sendable {
        /// The part of the file system that is mounted: `/` for all of it.
        public var root: String
        /// Where, inside.
        public var mountPoint: String
        /// The file system's type.
        public var type: String
        /// What is mounted, such as a device.
        public var source: String
        /// Whether nothing can be written through it.
        public var isReadOnly: Bool
        /// Whether mounts made in it appear outside.
        public var isShared: Bool
        /// The device's number, `MAJOR:MINOR`.
        public var device: String
        /// Of an overlay, the directory that takes what is written.
        public var upperDirectory: String?
    }

    private static let namespaceNames = [
        "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts",
    ]
    private static let maxMounts = 512

    /// Looks at process `pid`; nil when it is gone.
    public init?(pid: String, proc: String = "/proc", buffer: inout ReadBuffer) {
        let path = "\(proc)/\(pid)"
        let isThere: Void? = KernelFile.readOnce(path: path + "/status", into: &buffer) { bytes in
            readStatus(String(decoding: bytes, as: UTF8.self))
        }
        guard isThere != nil else { return nil }
        for module in ["apparmor/current", "current"] where profile == nil {
            KernelFile.readOnce(path: "\(path)/attr/\(module)", into: &buffer) { bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                    .filter { $0 != "\n" && $0 != "\0" }
                if !text.isEmpty { profile = text }
            }
        }
        for name in Self.namespaceNames {
            var status = stat()
            if stat("\(path)/ns/\(name)", &status) == 0 { namespaces[name] = UInt64(status.st_ino) }
        }
        KernelFile.readOnce(path: path + "/mountinfo", into: &buffer) { bytes in
            mounts = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
                .prefix(Self.maxMounts).compactMap { Mount(line: $0) }
        }
        KernelFile.readOnce(path: path + "/uid_map", into: &buffer) { bytes in
            let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
            if words.count >= 3, words[0] == "0" { rootUser = UInt32(words[1]) }
        }
    }

    private mutating func readStatus(_ text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == "\t" || $0 == " " }
            guard words.count >= 2 else { continue }
            switch words[0] {
            case "Uid:": uid = words.count > 2 ? UInt32(words[2]) : nil
            case "CapBnd:": capabilities = UInt64(words[1], radix: 16)
            case "Seccomp:": seccomp = Int64(words[1])
            case "NoNewPrivs:": noNewPrivileges = words[1] == "1"
            default: break
            }
        }
    }
}

extension ProcessSecurity.Mount {
    /// Reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPEROPTIONS`.
    public init?(line: Substring) {
        guard let dash = line.firstRange(of: " - ") else { return nil }
        let before = line[..<dash.lowerBound].split(separator: " ")
        let after = line[dash.upperBound...].split(
            separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard before.count >= 6, after.count >= 2 else { return nil }
        device = String(before[2])
        root = MountInfo.unescape(before[3])
        mountPoint = MountInfo.unescape(before[4])
        type = String(after[0])
        source = MountInfo.unescape(after[1])
        let own = before[5].split(separator: ",")
        let superOptions = after.count > 2 ? after[2].split(separator: ",") : []
        isReadOnly = own.contains("ro") || superOptions.first == "ro"
        isShared = before.dropFirst(6).contains { $0.hasPrefix("shared:") }
        upperDirectory = superOptions.first { $0.hasPrefix("upperdir=") }
            .map { MountInfo.unescape($0.dropFirst(9)) }
    }
}

/// The names of capabilities, by their numbers (capabilities(7)).
public enum Capability {
    /// From bit 0 on.
    public static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
        "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
        "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
        "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
        "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
        "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
    ]

    /// Those of a set, by name.
    public static func names(in set: UInt64) -> [String] {
        names.indices.filter { set & (1 << UInt64($0)) != 0 }.map { names[$0] }
    }
}
