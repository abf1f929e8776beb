// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The container's cgroups, one directory in each hierarchy, which `ullage run` made.
enum Cgroups {
    /// Kills every process in them, where the kernel can (Linux 5.14, cgroup v2).
    static func kill(_ spec: Spec) {
        spec.forEach("cgroup") { directory in
            withFile(directory, "/cgroup.kill", O_WRONLY) { _ = write($0, "1", 1) }
        }
    }

    /// Removes the directories. The kernel lets go of a cgroup a moment after its last process
    /// ended, so a busy one is tried again for up to a second.
    static func remove(_ spec: Spec) {
        spec.forEach("cgroup") { directory in
            for _ in 0..<200 where rmdir(directory) != 0 && ul_errno() == EBUSY {
                var pause = timespec(tv_sec: 0, tv_nsec: 5_000_000)
                nanosleep(&pause, nil)
            }
        }
    }

    /// Whether the kernel killed a process of the container for want of memory.
    static func hadOutOfMemoryKill(_ spec: Spec) -> Bool {
        var found = false
        spec.forEach("cgroup") { directory in
            found = found || sum("oom_kill ", in: directory, "/memory.events") > 0
            found = found || sum("oom_kill ", in: directory, "/memory.oom_control") > 0
        }
        return found
    }

    /// What the container used, by whichever hierarchy tells.
    static func totals(_ spec: Spec) -> Totals {
        var totals = Totals()
        spec.forEach("cgroup") { directory in
            totals.cpu = max(totals.cpu, sum("usage_usec ", in: directory, "/cpu.stat"))
            totals.peak = max(totals.peak, sum("", in: directory, "/memory.peak"))
            totals.peak = max(totals.peak, sum("", in: directory, "/memory.max_usage_in_bytes"))
            totals.read = max(totals.read, sum("rbytes=", in: directory, "/io.stat"))
            totals.written = max(totals.written, sum("wbytes=", in: directory, "/io.stat"))
            let legacy: StaticString = "/blkio.throttle.io_service_bytes_recursive"
            totals.read = max(totals.read, sum("Read ", in: directory, legacy))
            totals.written = max(totals.written, sum("Write ", in: directory, legacy))
        }
        return totals
    }

    /// The sum of the numbers after each `key` in a file; -1 when there is none. Without a key the
    /// file's first number.
    private static func sum(
        _ key: StaticString, in directory: UnsafePointer<CChar>, _ file: StaticString
    ) -> Int64 {
        var result: Int64 = -1
        withFile(directory, file, O_RDONLY) { descriptor in
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: 4097)
            defer { buffer.deallocate() }
            let count = read(descriptor, buffer, 4096)
            buffer[max(0, count)] = 0
            guard count > 0 else { return }
            Text.with(key) { key in
                let length = strlen(key)
                var at = UnsafePointer<CChar>(buffer)
                while let found = strstr(at, key) {
                    at = UnsafePointer(found) + Int(length)
                    result = max(0, result) + Int64(atol(at))
                    if length == 0 { break }
                }
            }
        }
        return result
    }

    private static func withFile(
        _ directory: UnsafePointer<CChar>, _ file: StaticString, _ flags: Int32,
        _ body: (Int32) -> Void
    ) {
        var path = Message()
        defer { path.free() }
        path.add(directory)
        path.add(file)
        let descriptor = ul_open(path.cString(), flags | O_CLOEXEC, 0)
        guard descriptor >= 0 else { return }
        body(descriptor)
        close(descriptor)
    }
}

/// Sums since a container's start; below 0 when the host does not tell.
struct Totals {
    /// CPU time in microseconds.
    var cpu: Int64 = -1
    /// The most memory at once, in bytes.
    var peak: Int64 = -1
    /// Bytes read from block devices.
    var read: Int64 = -1
    /// Bytes written to block devices.
    var written: Int64 = -1
}
