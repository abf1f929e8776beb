// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The shim's life once the container runs: outputs to the log until the container has ended.
enum Supervisor {
    private static let chunk = 1 << 16
    /// How long outputs are still read after the first process ended, when something else holds
    /// them open.
    private static let drainMilliseconds: Int64 = 2000

    static func run(_ container: inout Running, log: inout JSONLog, events: Int32, spec: Spec) {
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk)
        var stdout = LineSplitter(.stdout)
        var stderr = LineSplitter(.stderr)
        let polls = UnsafeMutablePointer<pollfd>.allocate(capacity: 3)
        polls[0] = pollfd(fd: container.stdout, events: Int16(POLLIN), revents: 0)
        polls[1] = pollfd(fd: container.stderr, events: Int16(POLLIN), revents: 0)
        polls[2] = pollfd(fd: events, events: Int16(POLLIN), revents: 0)
        var deadline: Int64 = 0
        reap(&container)
        while polls[0].fd >= 0 || polls[1].fd >= 0 || container.exitCode < 0 {
            var timeout: Int32 = -1
            if container.exitCode >= 0 {
                if deadline == 0 {
                    deadline = Clock.milliseconds() + drainMilliseconds
                    Cgroups.kill(spec)
                }
                timeout = Int32(truncatingIfNeeded: max(0, deadline - Clock.milliseconds()))
                if timeout == 0 { break }
            }
            guard poll(polls, 3, timeout) > 0 else { continue }
            log.stampNow()
            take(&polls[0], buffer, &stdout, &log)
            take(&polls[1], buffer, &stderr, &log)
            log.flush()
            if polls[2].revents != 0 {
                while read(events, buffer, chunk) > 0 {}
                reap(&container)
            }
        }
        stdout.end(in: &log)
        stderr.end(in: &log)
        log.flush()
        container.oomKilled = Cgroups.hadOutOfMemoryKill(spec)
        Cgroups.remove(spec)
    }

    /// Reads once what an output has, and closes it at its end.
    private static func take(
        _ output: inout pollfd, _ buffer: UnsafeMutablePointer<UInt8>,
        _ splitter: inout LineSplitter, _ log: inout JSONLog
    ) {
        guard output.revents != 0, output.fd >= 0 else { return }
        let count = read(output.fd, buffer, chunk)
        if count > 0 {
            splitter.add(buffer, count, to: &log)
        } else if count == 0 || ul_errno() != EINTR && ul_errno() != EAGAIN {
            close(output.fd)
            output.fd = -1
        }
    }

    /// Takes the exit status of the container's first process when it has ended.
    private static func reap(_ container: inout Running) {
        var status: Int32 = 0
        while true {
            let ended = waitpid(-1, &status, Int32(WNOHANG) | ul_wait_all())
            guard ended > 0 else { return }
            if ended == container.initPID {
                container.exitCode = ul_exit_code(status)
                container.finishedAt = Clock.milliseconds()
            }
        }
    }
}
