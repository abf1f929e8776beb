// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The shim: one small process for each container, started by `ullage run` and outliving it.
///
///     ullage-shim CONTAINER_DIRECTORY
///     ullage-shim --attach CONTAINER_DIRECTORY INIT_PID INIT_START_TICKS STARTED_AT_MS held|free
///
/// It owns the container's stdout and stderr, its log, its counters and its exit status
/// (`state.json`), and ends when the container has ended. Everything it needs is in the
/// directory's `shim.spec`; descriptor 3 is a pipe on which it tells its starter `ok`, or the exit
/// code and the reason of a failure, and 4 and 5 are where a starter that stays wants the outputs
/// (`Attachment`). SIGUSR1 makes it open the log file anew.
///
/// When a shim is killed its container goes on, and waits when its outputs are full. The second
/// form takes such a container over; what the killed shim had read and not written is noted in the
/// log, and the exit code stays unknown, because only a parent is told it. `held` says that somebody
/// has kept the outputs open, so that nothing in them is lost if the container has ended too.
@main
struct Main {
    static func main() {
        let isAttaching = ul_argc() == 7 && Text.equal(argument(1), "--attach")
        guard ul_argc() == 2 || isAttaching else {
            Message.standardError("usage: ullage-shim CONTAINER_DIRECTORY\n")
            exit(64)
        }
        // Whoever asked for a takeover need not stay the parent; it is answered through the pipe.
        if isAttaching, ul_fork() > 0 { _exit(0) }
        _ = setsid()
        guard chdir(argument(isAttaching ? 2 : 1)) == 0 else {
            Starter.fail(code: 125, doing: "entering the container's directory", error: ul_errno())
        }
        guard Lock.take() else {
            Starter.fail(code: 125, doing: "locking: another shim is at work", error: ul_errno())
        }
        guard let spec = Spec.read("shim.spec") else {
            Starter.fail(code: 125, doing: "reading shim.spec", error: ul_errno())
        }
        let events = ul_child_events()
        guard events >= 0 else {
            Starter.fail(code: 125, doing: "watching for the container's end", error: ul_errno())
        }
        var attachment = Attachment(spec, isNew: !isAttaching)
        var container: Running
        let log: Log
        if isAttaching {
            container = Launcher.adopt(
                pid: pid_t(truncatingIfNeeded: atol(argument(3))),
                ticks: UInt64(strtoull(argument(4), nil, 10)), startedAt: Int64(atol(argument(5))))
            // A pipe that nobody held was emptied by the kernel when the container ended.
            let isEmptied = container.hasEnded && !Text.equal(argument(6), "held")
            log = Log(spec, isNew: false, lost: isEmptied ? UInt64(2 * Pipes.capacity) : 0)
        } else {
            log = Log(spec, isNew: true, lost: 0)
            container = Launcher.start(spec)
        }
        log.start()
        Status.write(container, isComplete: false)
        Starter.succeed()
        Supervisor.run(&container, &attachment, log: log, events: events, spec: spec)
        Status.write(container, isComplete: true)
        exit(0)
    }

    private static func argument(_ index: Int) -> UnsafePointer<CChar> {
        guard let text = ul_argv()?[index] else { exit(64) }
        return UnsafePointer(text)
    }
}

/// `shim.lock`, held for a shim's life, so that a container has one at a time. Its closing, however
/// the shim ended, is also what tells the agent (inotify, IN_CLOSE_WRITE) to look after the
/// container.
enum Lock {
    static func take() -> Bool {
        let file = Text.with("shim.lock") {
            ul_open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard file >= 0 else { return false }
        // Whoever looks whether a shim is at work holds it for an instant.
        for _ in 0..<20 {
            if flock(file, LOCK_EX | LOCK_NB) == 0 { return true }
            poll(nil, 0, 5)
        }
        return false
    }
}
