// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A container that was started, and what became of it.
struct Running {
    /// The container's first process, in the shim's numbering.
    var initPID: pid_t
    /// Its start in clock ticks since boot, so that a reused pid is not taken for it.
    var initTicks: UInt64
    /// Read ends of the container's outputs.
    var stdout: Int32
    var stderr: Int32
    /// Milliseconds since the epoch.
    var startedAt: Int64
    var finishedAt: Int64 = 0
    /// Whether the first process has ended.
    var hasEnded = false
    /// What it returned; below 0 when that is not known, because its parent was killed.
    var exitCode: Int32 = -1
    var oomKilled = false
    /// What it used, once it has ended.
    var totals = Totals()
    /// A pidfd of the first process when it is not a child of this shim; below 0 otherwise.
    var watch: Int32 = -1
}

/// Starts a container's first process in namespaces of its own.
///
/// Three processes take part. The shim stays outside. A *holder* makes the user namespace, is
/// mapped and put into the cgroups by the shim, makes the other namespaces (which so belong to the
/// user namespace) with `init` inside, and ends. `init` is the shim's child, sets up its root file
/// system and becomes the container's command. The shim mounts the overlay before the mount
/// namespace is copied, because only the host's root may map the image's owners.
enum Launcher {
    static func start(_ spec: Spec) -> Running {
        var pipes = Pipes()
        pipes.open(owner: uid_t(atol(spec.value("uid-base"))))
        RootFilesystem.separate(spec)
        let holder = ul_clone3(UInt64(UL_NEW_USER), SIGCHLD)
        guard holder >= 0 else { fail("creating a user namespace", spec) }
        if holder == 0 { hold(spec, pipes) }
        pipes.closeContainerEnds()

        let base = spec.value("uid-base")
        writeMap(holder, "uid_map", base, spec)
        writeMap(holder, "gid_map", base, spec)
        pipes.tell("m")
        joinCgroups(holder, spec)
        RootFilesystem.mountOverlay(spec, userNamespaceOf: holder)
        pipes.tell("g")
        var pid: pid_t = 0
        guard read(pipes.sync, &pid, 4) == 4 else { abort(spec, pipes, child: 0) }
        var status: Int32 = 0
        waitpid(holder, &status, 0)

        spec.forEach("late") { write($0, spec) }
        let running = Running(
            initPID: pid, initTicks: ProcessTable.startTicks(pid), stdout: pipes.stdout,
            stderr: pipes.stderr, startedAt: Clock.milliseconds())
        pipes.tell("x")
        if pipes.hasFailure() { abort(spec, pipes, child: pid) }
        close(pipes.sync)
        close(pipes.failure)
        RootFilesystem.leaveToContainer()
        return running
    }

    /// Takes over a container whose shim was killed. When its first process is gone too, there is
    /// still what it wrote last, if someone has kept the outputs open, and its end to write down.
    static func adopt(pid: pid_t, ticks: UInt64, startedAt: Int64) -> Running {
        var running = Running(
            initPID: pid, initTicks: ticks, stdout: Pipes.reader("stdout.fifo"),
            stderr: Pipes.reader("stderr.fifo"), startedAt: startedAt)
        let watch = ul_pidfd_open(pid)
        // A pidfd is readable when its process has ended, waited for or not.
        var end = pollfd(fd: watch, events: Int16(POLLIN), revents: 0)
        if watch >= 0, ProcessTable.startTicks(pid) == ticks, poll(&end, 1, 0) == 0 {
            _ = ul_fcntl(watch, F_SETFD, FD_CLOEXEC)
            running.watch = watch
        } else {
            close(watch)
            running.hasEnded = true
            running.finishedAt = Clock.milliseconds()
        }
        return running
    }

    /// The holder: never returns.
    private static func hold(_ spec: Spec, _ pipes: Pipes) -> Never {
        pipes.await("m")
        guard setgroups(0, nil) == 0, setresgid(0, 0, 0) == 0, setresuid(0, 0, 0) == 0 else {
            pipes.failInside(code: 125, "becoming the container's root", nil)
        }
        pipes.await("g")
        let child = ul_clone3(
            UInt64(UL_NEW_NAMESPACES) | UInt64(UL_PARENT), 0)
        guard child >= 0 else { pipes.failInside(code: 125, "creating the namespaces", nil) }
        if child == 0 { Init.run(spec, pipes) }
        // Until init waits for the shim's word, both share the socket: the holder only writes.
        var pid = child
        _ = CLinux.write(pipes.holderSync, &pid, 4)
        _exit(0)
    }

    /// Puts a process into the container's cgroup of each hierarchy.
    private static func joinCgroups(_ process: pid_t, _ spec: Spec) {
        spec.forEach("cgroup") { directory in
            var path = Message()
            path.add(directory)
            path.add("/cgroup.procs")
            var number = Message()
            number.add(Int64(process))
            let descriptor = ul_open(path.cString(), O_WRONLY | O_CLOEXEC, 0)
            if descriptor < 0 || !number.write(to: descriptor) {
                fail("entering the cgroup", spec)
            }
            close(descriptor)
            path.free()
            number.free()
        }
    }

    /// Writes a limit that may only be set once the holder is gone, given as `PATH=VALUE`.
    private static func write(_ assignment: UnsafePointer<CChar>, _ spec: Spec) {
        guard let equals = strchr(assignment, 0x3d) else { return }
        var path = Message()
        path.add(
            UnsafeRawPointer(assignment).assumingMemoryBound(to: UInt8.self),
            UnsafePointer(equals) - assignment)
        let descriptor = ul_open(path.cString(), O_WRONLY | O_CLOEXEC, 0)
        let length = strlen(equals + 1)
        if descriptor < 0 || CLinux.write(descriptor, equals + 1, length) != length {
            fail("setting a limit", spec)
        }
        close(descriptor)
        path.free()
    }

    private static func writeMap(
        _ holder: pid_t, _ file: StaticString, _ base: UnsafePointer<CChar>, _ spec: Spec
    ) {
        var path = Message()
        path.add("/proc/")
        path.add(Int64(holder))
        path.add("/")
        path.add(file)
        var map = Message()
        map.add("0 ")
        map.add(base)
        map.add(" 65536\n")
        let descriptor = ul_open(path.cString(), O_WRONLY | O_CLOEXEC, 0)
        guard descriptor >= 0, map.write(to: descriptor) else { fail("mapping users", spec) }
        close(descriptor)
        path.free()
        map.free()
    }

    /// Ends everything that was begun and reports what the inside said.
    private static func abort(_ spec: Spec, _ pipes: Pipes, child: pid_t) -> Never {
        let reason = pipes.failureMessage()
        if child > 0 { kill(child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(-1, &status, ul_wait_all()) > 0 {}
        Cgroups.remove(spec)
        Starter.fail(code: reason.code, reason.text, error: reason.error)
    }

    /// Reports what the shim itself could not do; children die with the namespaces' first process
    /// or see the closed socket.
    static func fail(_ what: StaticString, _ spec: Spec) -> Never {
        let error = ul_errno()
        Cgroups.kill(spec)
        Cgroups.remove(spec)
        Starter.fail(code: 125, doing: what, error: error)
    }
}
