// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Processes named by pid and start, so that a reused pid is never taken for the one meant.
enum Process {
    /// Whether the process still runs. A zombie does not.
    static func isAlive(_ pid: Int32, _ startTicks: UInt64) -> Bool {
        guard pid > 0, let (state, ticks) = status(pid) else { return false }
        return ticks == startTicks && state != UInt8(ascii: "Z") && state != UInt8(ascii: "X")
    }

    /// Sends a signal to exactly this process; whether it was there.
    @discardableResult
    static func signal(_ pid: Int32, _ startTicks: UInt64, _ number: Int32) -> Bool {
        let descriptor = ul_pidfd_open(pid)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // The pidfd holds the identity, so what is true now stays true for the signal.
        guard isAlive(pid, startTicks) else { return false }
        return ul_pidfd_send_signal(descriptor, number) == 0
    }

    /// Waits until the process has ended, at most `seconds`; whether it has.
    static func waitForEnd(_ pid: Int32, _ startTicks: UInt64, seconds: Double?) -> Bool {
        let descriptor = ul_pidfd_open(pid)
        guard descriptor >= 0 else { return !isAlive(pid, startTicks) }
        defer { close(descriptor) }
        guard isAlive(pid, startTicks) else { return true }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let timeout = seconds.map { Int32(clamping: Int64(max(0, $0) * 1000)) } ?? -1
        while true {
            let ready = Glibc.poll(&poll, 1, timeout)
            if ready >= 0 || errno != EINTR { return ready > 0 }
        }
    }

    /// State letter and start of `/proc/PID/stat` (fields 3 and 22, proc(5)). The name in field 2
    /// may hold anything but ends at the last parenthesis.
    private static func status(_ pid: Int32) -> (state: UInt8, startTicks: UInt64)? {
        let file = ul_open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = read(file, &bytes, bytes.count)
        guard count > 0, let end = bytes[..<count].lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = bytes[(end + 1)..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first,
            let ticks = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        return (state, ticks)
    }
}
