// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Whoever started the container and stays with it gets its outputs as they come, through sockets that
/// are descriptors 4 and 5 of the shim, where shim.spec says so. One that does not read makes the
/// container wait, as a pipe of a shell does; one that has gone is forgotten.
struct Attachment {
    private var stdout: Int32 = -1
    private var stderr: Int32 = -1

    /// Nobody when another shim is taken over from. To be made before the container is started, to whom
    /// the sockets must not come down.
    init(_ spec: Spec, isNew: Bool) {
        guard isNew, Text.equal(spec.value("attached"), "yes") else { return }
        (stdout, stderr) = (4, 5)
        _ = ul_fcntl(stdout, F_SETFD, FD_CLOEXEC)
        _ = ul_fcntl(stderr, F_SETFD, FD_CLOEXEC)
    }

    /// Passes on what was read of an output.
    mutating func pass(_ bytes: UnsafePointer<UInt8>, _ count: Int, _ stream: LogStreamIndex) {
        if stream == .stdout {
            Self.send(bytes, count, to: &stdout)
        } else {
            Self.send(bytes, count, to: &stderr)
        }
    }

    private static func send(_ bytes: UnsafePointer<UInt8>, _ count: Int, to socket: inout Int32) {
        var done = 0
        while socket >= 0, done < count {
            let sent = CLinux.send(socket, bytes + done, count - done, Int32(MSG_NOSIGNAL))
            if sent < 0, ul_errno() == EINTR { continue }
            guard sent > 0 else {
                close(socket)
                socket = -1
                return
            }
            done += sent
        }
    }
}
