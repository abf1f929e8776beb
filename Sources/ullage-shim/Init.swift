// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The container's first process, from its first instruction in the new namespaces to execve(2).
enum Init {
    /// Docker's default capabilities: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID,
    /// SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
    private static let capabilities: UInt64 = {
        var mask: UInt64 = 0
        let bits: [UInt64] = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31]
        for bit in bits { mask |= 1 << bit }
        return mask
    }()

    /// Never returns.
    static func run(_ spec: Spec, _ pipes: Pipes) -> Never {
        pipes.await("x")
        func must(_ succeeded: Bool, _ what: StaticString) {
            if !succeeded { pipes.failInside(code: 125, what, nil) }
        }
        let hostname = spec.value("hostname")
        must(sethostname(hostname, strlen(hostname)) == 0, "setting the host name")
        must(ul_loopback_up() == 0, "starting the loopback interface")
        Mounts.enter(must)
        let directory = spec.value("workdir")
        if chdir(directory) != 0 {
            pipes.failInside(code: 126, "entering the working directory", directory)
        }
        _ = setsid()
        must(ul_limit_capabilities(capabilities) == 0, "dropping capabilities")
        must(ul_no_new_privileges() == 0, "forbidding new privileges")
        must(
            dup2(pipes.containerStdout, 1) == 1 && dup2(pipes.containerStderr, 2) == 2,
            "connecting the outputs")
        let null = ul_open("/dev/null", O_RDONLY, 0)
        must(null >= 0 && dup2(null, 0) == 0, "connecting the input")
        must(ul_close_range(3, UInt32.max, 4) == 0, "closing descriptors")  // CLOEXEC
        ul_default_signals()
        umask(0o022)
        must(ul_install_seccomp() == 0, "installing the system call filter")
        execute(spec.array("arg"), spec.array("env"), pipes)
    }

    /// Executes the command, looked for in `PATH` when its name has no slash, as a shell does.
    private static func execute(
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
        _ environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, _ pipes: Pipes
    ) -> Never {
        guard let command = arguments[0] else {
            pipes.failInside(code: 125, "executing: there is no command", nil)
        }
        if strchr(command, 0x2f) != nil {
            execve(command, arguments, environment)
        } else {
            search(command, arguments, environment)
        }
        let code: Int32 = ul_errno() == ENOENT || ul_errno() == ENOTDIR ? 127 : 126
        pipes.failInside(code: code, "executing", command)
    }

    private static func search(
        _ command: UnsafeMutablePointer<CChar>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
        _ environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    ) {
        var path = variable("PATH=", environment)
        var refused = false
        while true {
            let length = strcspn(path, ":")
            var candidate = Message()
            candidate.add(UnsafeRawPointer(path).assumingMemoryBound(to: UInt8.self), length)
            candidate.add("/")
            candidate.add(UnsafePointer(command))
            execve(candidate.cString(), arguments, environment)
            candidate.free()
            if ul_errno() == EACCES { refused = true }
            guard path[length] != 0 else { break }
            path += length + 1
        }
        ul_set_errno(refused ? EACCES : ENOENT)
    }

    private static func variable(
        _ prefix: StaticString, _ environment: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    ) -> UnsafePointer<CChar> {
        var next = 0
        while let entry = environment[next] {
            if memcmp(entry, prefix.utf8Start, min(strlen(entry), prefix.utf8CodeUnitCount)) == 0,
                strlen(entry) >= prefix.utf8CodeUnitCount
            {
                return UnsafePointer(entry) + prefix.utf8CodeUnitCount
            }
            next += 1
        }
        return Text.with("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") { $0 }
    }
}
