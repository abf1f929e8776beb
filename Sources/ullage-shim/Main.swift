// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The shim: one small process for each container, started by `ullage run` and outliving it.
///
///     ullage-shim CONTAINER_DIRECTORY
///
/// It owns the container's stdout and stderr, its log file, its counters and its exit status
/// (`state.json`), and ends when the container has ended. Everything it needs is in the
/// directory's `shim.spec`; descriptor 3 is a pipe on which it tells its starter `ok`, or the exit
/// code and the reason of a failure.
///
/// When the shim itself is killed the container's pipes break: its next write fails with EPIPE.
/// `ullage rm -f` still finds the container by the process and the cgroup recorded.
@main
struct Main {
    static func main() {
        guard ul_argc() == 2, let directory = ul_argv()?[1] else {
            Message.standardError("usage: ullage-shim CONTAINER_DIRECTORY\n")
            exit(64)
        }
        _ = setsid()
        guard chdir(directory) == 0 else {
            Starter.fail(code: 125, doing: "entering the container's directory", error: ul_errno())
        }
        guard let spec = Spec.read("shim.spec") else {
            Starter.fail(code: 125, doing: "reading shim.spec", error: ul_errno())
        }
        let events = ul_child_events()
        guard events >= 0 else {
            Starter.fail(code: 125, doing: "watching for the container's end", error: ul_errno())
        }
        var log = JSONLog(path: spec.value("log"), counters: "log.counters")
        var container = Launcher.start(spec)
        Status.write(container, spec: spec)
        Starter.succeed()
        Supervisor.run(&container, log: &log, events: events, spec: spec)
        Status.write(container, spec: spec)
        exit(0)
    }
}
