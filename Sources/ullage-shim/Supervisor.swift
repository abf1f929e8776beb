// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The shim's life once the container runs: outputs to the log until the container has ended.
enum Supervisor {
    private static let chunk = 1 << 16
    /// How long outputs are still read after the first process ended, when something else holds
    /// them open.
    private static let drainMilliseconds: Int64 = 2000
    /// An output that is written line by line at full speed is read in turns: when there was less
    /// than `few` bytes within `soon` nanoseconds of the reading before, the next waits for
    /// `napMicroseconds`. Each reading costs as much as writing two thousand bytes.
    private static let few = 1 << 14
    private static let soon: Int64 = 1_000_000
    private static let napMicroseconds: UInt32 = 100

    static func run(
        _ container: inout Running, _ attachment: inout Attachment, log: Log, events: Int32,
        spec: Spec
    ) {
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk)
        var stdout = LineSplitter(.stdout)
        var stderr = LineSplitter(.stderr)
        let polls = UnsafeMutablePointer<pollfd>.allocate(capacity: 4)
        let descriptors = [container.stdout, container.stderr, events, container.watch]
        for i in 0..<4 {
            polls[i] = pollfd(fd: descriptors[i], events: Int16(POLLIN), revents: 0)
        }
        var deadline: Int64 = 0
        var lastReading: Int64 = 0
        reap(&container)
        if container.hasEnded {
            // poll(2) does not tell of the end of a FIFO that had no writer since it was opened.
            for i in 0..<2 { polls[i].revents = Int16(POLLIN) }
            while take(&polls[0], buffer, &stdout, &attachment, log, Clock.nanoseconds()) > 0 {
                log.flush()
            }
            while take(&polls[1], buffer, &stderr, &attachment, log, Clock.nanoseconds()) > 0 {
                log.flush()
            }
        }
        while polls[0].fd >= 0 || polls[1].fd >= 0 || !container.hasEnded {
            var timeout: Int32 = -1
            if container.hasEnded {
                if deadline == 0 {
                    deadline = Clock.milliseconds() + drainMilliseconds
                    Cgroups.kill(spec)
                }
                timeout = Int32(truncatingIfNeeded: max(0, deadline - Clock.milliseconds()))
                if timeout == 0 { break }
            }
            guard poll(polls, 4, timeout) > 0 else { continue }
            let now = Clock.nanoseconds()
            let count =
                take(&polls[0], buffer, &stdout, &attachment, log, now)
                + take(&polls[1], buffer, &stderr, &attachment, log, now)
            log.flush()
            if polls[2].revents != 0 { handleSignals(events, buffer, log, &container) }
            if polls[3].revents != 0 {
                polls[3].fd = -1
                container.hasEnded = true
                container.finishedAt = Clock.milliseconds()
            }
            if count > 0 {
                let isBusy = count < few && now - lastReading < soon && now >= lastReading
                lastReading = now
                if isBusy, !container.hasEnded { usleep(napMicroseconds) }
            }
        }
        stdout.end(at: Clock.nanoseconds(), in: log)
        stderr.end(at: Clock.nanoseconds(), in: log)
        log.end()
        container.oomKilled = Cgroups.hadOutOfMemoryKill(spec)
        container.totals = Cgroups.totals(spec)
        Cgroups.remove(spec)
    }

    /// Reads once what an output has, and closes it at its end. How many bytes there were.
    private static func take(
        _ output: inout pollfd, _ buffer: UnsafeMutablePointer<UInt8>,
        _ splitter: inout LineSplitter, _ attachment: inout Attachment, _ log: Log, _ time: Int64
    ) -> Int {
        guard output.revents != 0, output.fd >= 0 else { return 0 }
        log.counters.noteReading(chunk)
        let count = read(output.fd, buffer, chunk)
        log.counters.add(bytes: max(0, count), stream: splitter.stream)
        log.counters.noteReading(0)
        if count > 0 {
            splitter.add(buffer, count, at: time, to: log)
            attachment.pass(buffer, count, splitter.stream)
        } else if count == 0 || ul_errno() != EINTR && ul_errno() != EAGAIN {
            close(output.fd)
            output.fd = -1
        }
        return max(0, count)
    }

    private static func handleSignals(
        _ events: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ log: Log,
        _ container: inout Running
    ) {
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(events, buffer, size) == size {
            // Its first member is the signal's number (signalfd(2)).
            let number = UnsafeRawPointer(buffer).loadUnaligned(as: UInt32.self)
            if number == UInt32(SIGUSR1) { log.reopen() }
        }
        reap(&container)
        log.childHasEnded()
    }

    /// Takes the exit status of the container's first process when it has ended.
    private static func reap(_ container: inout Running) {
        guard container.watch < 0, !container.hasEnded else { return }
        var status: Int32 = 0
        let ended = waitpid(container.initPID, &status, Int32(WNOHANG) | ul_wait_all())
        guard ended == container.initPID else { return }
        container.hasEnded = true
        container.exitCode = ul_exit_code(status)
        container.finishedAt = Clock.milliseconds()
    }
}
