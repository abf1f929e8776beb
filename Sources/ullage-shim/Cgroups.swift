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
            found = found || count("oom_kill ", in: directory, "/memory.events") > 0
            found = found || count("oom_kill ", in: directory, "/memory.oom_control") > 0
        }
        return found
    }

    /// The number after `key` in a flat-keyed file; 0 when there is none.
    private static func count(
        _ key: StaticString, in directory: UnsafePointer<CChar>, _ file: StaticString
    ) -> Int {
        var result = 0
        withFile(directory, file, O_RDONLY) { descriptor in
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: 1025)
            defer { buffer.deallocate() }
            buffer[max(0, read(descriptor, buffer, 1024))] = 0
            Text.with(key) { key in
                if let at = strstr(buffer, key) { result = atol(at + strlen(key)) }
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
