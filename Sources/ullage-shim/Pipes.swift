// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What connects the shim with the processes inside: the container's two outputs, a socket to go
/// step by step, and a pipe that closes when the command was executed, or says why it was not.
struct Pipes {
    /// Bytes of an output that wait for the shim: room for a burst while the disk is slow.
    static let capacity: Int32 = 1 << 18

    private(set) var stdout: Int32 = -1
    private(set) var stderr: Int32 = -1
    private(set) var sync: Int32 = -1
    private(set) var failure: Int32 = -1

    private(set) var containerStdout: Int32 = -1
    private(set) var containerStderr: Int32 = -1
    private(set) var holderSync: Int32 = -1
    private var containerFailure: Int32 = -1

    /// Makes everything. The outputs are FIFOs in the container's directory, which `owner`, the
    /// container's root, may open again by `/dev/stdout`.
    ///
    /// The container's ends are open for reading too, so each holds the pipe open by itself: when
    /// the shim is killed, writes wait instead of failing, and another shim opens the FIFO and goes
    /// on (docs/adr/0012).
    mutating func open(owner: uid_t) {
        containerStdout = Self.writer("stdout.fifo", owner)
        containerStderr = Self.writer("stderr.fifo", owner)
        stdout = Self.reader("stdout.fifo")
        stderr = Self.reader("stderr.fifo")
        guard stdout >= 0, stderr >= 0, ul_pipe(&failure, &containerFailure) == 0,
            ul_socketpair(&sync, &holderSync) == 0
        else { Starter.fail(code: 125, doing: "making pipes", error: ul_errno()) }
        // Refused quietly when the user's quota is used.
        _ = ul_fcntl(stdout, F_SETPIPE_SZ, Self.capacity)
        _ = ul_fcntl(stderr, F_SETPIPE_SZ, Self.capacity)
    }

    private static func writer(_ path: StaticString, _ owner: uid_t) -> Int32 {
        Text.with(path) { path in
            guard mkfifo(path, 0o600) == 0, chown(path, owner, owner) == 0 else {
                Starter.fail(code: 125, doing: "making a FIFO", error: ul_errno())
            }
            return ul_open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0)
        }
    }

    /// The shim's end of an output.
    static func reader(_ path: StaticString) -> Int32 {
        Text.with(path) { ul_open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0) }
    }

    func closeContainerEnds() {
        close(containerStdout)
        close(containerStderr)
        close(containerFailure)
        close(holderSync)
    }

    /// Sends a step to the inside.
    func tell(_ step: StaticString) { _ = CLinux.write(sync, step.utf8Start, 1) }

    /// Waits, inside, for a step; ends the process when the shim is gone.
    func await(_ step: StaticString) {
        var byte: UInt8 = 0
        if read(holderSync, &byte, 1) != 1 || byte != step.utf8Start[0] { _exit(125) }
    }

    /// Says, inside, why the container cannot run, and ends the process.
    func failInside(code: Int32, _ what: StaticString, _ subject: UnsafePointer<CChar>?) -> Never {
        let error = ul_errno()
        var message = Message()
        message.add(UInt8(truncatingIfNeeded: code))
        message.add(UInt8(truncatingIfNeeded: error))
        message.add(what)
        if let subject {
            message.add(" ")
            message.add(subject)
        }
        message.write(to: containerFailure)
        _exit(code)
    }

    /// Whether the inside failed; waits until the command was executed otherwise.
    func hasFailure() -> Bool {
        var poll = pollfd(fd: failure, events: Int16(POLLIN), revents: 0)
        while CLinux.poll(&poll, 1, -1) < 0 && ul_errno() == EINTR {}
        return Int32(poll.revents) & POLLIN != 0
    }

    /// What `failInside` sent, or a general statement when there is nothing.
    func failureMessage() -> (code: Int32, text: Message, error: Int32) {
        var text = Message()
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: Message.capacity)
        defer { buffer.deallocate() }
        let count = read(failure, buffer, Message.capacity)
        guard count > 2 else {
            text.add("starting the container: its first process ended before its command began")
            return (125, text, 0)
        }
        text.add(buffer + 2, count - 2)
        return (Int32(buffer[0]), text, Int32(buffer[1]))
    }
}
