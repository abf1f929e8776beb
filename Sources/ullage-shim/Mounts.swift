// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The mounts of a container, made after the root was changed: whatever links the image holds,
/// they resolve inside it.
enum Mounts {
    private static let devices: [StaticString] = [
        "null", "zero", "full", "random", "urandom", "tty",
    ]

    /// Makes `merged` the root and fills in `/proc`, `/dev` and `/sys`.
    static func enter(_ must: (Bool, StaticString) -> Void) {
        let recursive = UInt(MS_REC)
        must(mount("", "/", "", recursive | UInt(MS_PRIVATE), nil) == 0, "detaching mounts")
        // Mounts that came from outside are locked together; a bind of them is not.
        must(
            mount("merged", "merged", "", recursive | UInt(MS_BIND), nil) == 0,
            "binding the root file system")
        var trees: (Int32, Int32, Int32, Int32, Int32, Int32) = (-1, -1, -1, -1, -1, -1)
        withUnsafeMutableBytes(of: &trees) { raw in
            let open = raw.bindMemory(to: Int32.self)
            for i in 0..<devices.count {
                open[i] = path("/dev/", devices[i]) { ul_open_tree($0, 1 | UInt32(O_CLOEXEC)) }
                must(open[i] >= 0, "opening a device")
            }
            must(chdir("merged") == 0, "entering the root file system")
            must(ul_pivot_root(".", ".") == 0, "changing the root")
            mountKernelFilesystems(must)
            mountDevices(open, must)
        }
        must(umount2(".", Int32(MNT_DETACH)) == 0, "leaving the host's root")
        must(chdir("/") == 0, "entering the new root")
        mask(must)
    }

    private static func mountKernelFilesystems(_ must: (Bool, StaticString) -> Void) {
        let quiet =
            UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
        let readOnly = quiet | UInt(MS_RDONLY)
        mkdir("/proc", 0o755)
        mkdir("/sys", 0o755)
        mkdir("/dev", 0o755)
        must(mount("proc", "/proc", "proc", quiet, nil) == 0, "mounting /proc")
        must(mount("sysfs", "/sys", "sysfs", readOnly, nil) == 0, "mounting /sys")
        // A host without cgroup v2 has nothing to show here.
        mount("cgroup2", "/sys/fs/cgroup", "cgroup2", readOnly, nil)
        let noSUID = UInt(MS_NOSUID)
        must(mount("tmpfs", "/dev", "tmpfs", noSUID, "mode=755,size=64k") == 0, "mounting /dev")
        mkdir("/dev/pts", 0o755)
        mkdir("/dev/shm", 0o1777)
        mkdir("/dev/mqueue", 0o755)
        must(
            mount(
                "devpts", "/dev/pts", "devpts", noSUID | UInt(MS_NOEXEC),
                "newinstance,ptmxmode=0666,mode=0620") == 0, "mounting /dev/pts")
        must(
            mount("shm", "/dev/shm", "tmpfs", quiet, "mode=1777,size=64m") == 0,
            "mounting /dev/shm")
        must(
            mount("mqueue", "/dev/mqueue", "mqueue", quiet, nil) == 0, "mounting /dev/mqueue")
    }

    private static func mountDevices(
        _ trees: UnsafeMutableBufferPointer<Int32>, _ must: (Bool, StaticString) -> Void
    ) {
        for i in 0..<devices.count {
            path("/dev/", devices[i]) { target in
                close(ul_open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0o666))
                must(ul_move_mount(trees[i], target) == 0, "binding a device")
            }
            close(trees[i])
        }
        symlink("/proc/self/fd", "/dev/fd")
        symlink("/proc/self/fd/0", "/dev/stdin")
        symlink("/proc/self/fd/1", "/dev/stdout")
        symlink("/proc/self/fd/2", "/dev/stderr")
        symlink("pts/ptmx", "/dev/ptmx")
    }

    /// Hides what tells of the host, and makes what would change it read-only.
    private static func mask(_ must: (Bool, StaticString) -> Void) {
        let bind = UInt(MS_BIND)
        let files: [StaticString] = ["kcore", "keys", "timer_list", "latency_stats", "sched_debug"]
        for file in files {
            path("/proc/", file) { target in
                guard access(target, F_OK) == 0 else { return }
                must(mount("/dev/null", target, "", bind, nil) == 0, "hiding a file of /proc")
            }
        }
        let frozen =
            bind | UInt(MS_REMOUNT) | UInt(MS_RDONLY)
            | UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
        let directories: [StaticString] = ["bus", "fs", "irq", "sys", "sysrq-trigger"]
        for directory in directories {
            path("/proc/", directory) { target in
                guard access(target, F_OK) == 0 else { return }
                must(
                    mount(target, target, "", bind | UInt(MS_REC), nil) == 0
                        && mount("", target, "", frozen, nil) == 0,
                    "making a part of /proc read-only")
            }
        }
    }

    @discardableResult
    private static func path<R>(
        _ directory: StaticString, _ name: StaticString, _ body: (UnsafePointer<CChar>) -> R
    ) -> R {
        var path = Message()
        defer { path.free() }
        path.add(directory)
        path.add(name)
        return body(path.cString())
    }
}
