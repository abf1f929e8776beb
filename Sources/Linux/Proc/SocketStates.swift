// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// How many TCP sockets a network namespace has in each state, by sock_diag(7): counted in the
/// kernel's binary answer instead of parsing a table of text.
public enum SocketStates {
    /// The states' names from number 1 on (include/net/tcp_states.h), as cAdvisor writes them.
    public static let names = [
        "established", "synsent", "synrecv", "finwait1", "finwait2", "timewait", "close",
        "closewait", "lastack", "listen", "closing", "newsynrecv",
    ]

    /// The counts by state number less one, of the namespace of process `pid`; nil when it may not
    /// be entered (CAP_SYS_ADMIN and CAP_SYS_PTRACE) or the kernel does not answer.
    ///
    /// The calling thread is in that namespace for a moment; should the way back be barred, the
    /// program ends, because nothing that thread did would be right any more.
    public static func count(of pid: Int32, proc: String = "/proc") -> [Int64]? {
        let own = ul_open("\(proc)/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0)
        guard own >= 0 else { return nil }
        defer { close(own) }
        let other = ul_open("\(proc)/\(pid)/ns/net", O_RDONLY | O_CLOEXEC, 0)
        guard other >= 0 else { return nil }
        defer { close(other) }
        guard setns(other, CLONE_NEWNET) == 0 else { return nil }
        let diagnosis = socket(
            AF_NETLINK, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 4)
        if setns(own, CLONE_NEWNET) != 0 { abort() }
        guard diagnosis >= 0 else { return nil }
        defer { close(diagnosis) }
        var limit = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(
            diagnosis, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var counts = [Int64](repeating: 0, count: names.count)
        for family in [AF_INET, AF_INET6] {
            guard dump(diagnosis, UInt8(family), into: &counts) else { return nil }
        }
        return counts
    }

    /// Sends an `inet_diag_req_v2` for all states and counts the `inet_diag_msg`s that come back
    /// (linux/inet_diag.h); message type 20 is SOCK_DIAG_BY_FAMILY, flags ask for a dump.
    private static func dump(_ file: Int32, _ family: UInt8, into counts: inout [Int64]) -> Bool {
        var request = [UInt8](repeating: 0, count: 72)
        request.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: 72, toByteOffset: 0, as: UInt32.self)
            bytes.storeBytes(of: 20, toByteOffset: 4, as: UInt16.self)
            bytes.storeBytes(of: 0x301, toByteOffset: 6, as: UInt16.self)
            bytes.storeBytes(of: family, toByteOffset: 16, as: UInt8.self)
            bytes.storeBytes(of: UInt8(IPPROTO_TCP), toByteOffset: 17, as: UInt8.self)
            bytes.storeBytes(of: UInt32.max, toByteOffset: 20, as: UInt32.self)
        }
        guard request.withUnsafeBytes({ send(file, $0.baseAddress, $0.count, 0) }) == 72 else {
            return false
        }
        return withUnsafeTemporaryAllocation(byteCount: 32768, alignment: 8) { memory in
            while true {
                let count = recv(file, memory.baseAddress, memory.count, 0)
                guard count > 0 else { return false }
                var at = 0
                while at + 16 <= count {
                    let length = Int(memory.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                    let type = memory.loadUnaligned(fromByteOffset: at + 4, as: UInt16.self)
                    if type == 3 { return true }  // NLMSG_DONE
                    guard type == 20, length >= 18, at + length <= count else { return false }
                    let state = Int(memory[at + 17])
                    if (1...counts.count).contains(state) { counts[state - 1] += 1 }
                    at += (length + 3) & ~3
                }
            }
        }
    }
}
