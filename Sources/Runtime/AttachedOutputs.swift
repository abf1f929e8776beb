// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import Model

/// The outputs of a container as they come, beside its log, for who starts it and stays with it. When
/// they are not read the container waits, as with a pipe of a shell; when they are closed it goes on.
public final class AttachedOutputs {
    private let readers: (stdout: Int32, stderr: Int32)
    /// The ends that the shim gets. Their numbers are above those they become in it.
    private(set) var writers: (stdout: Int32, stderr: Int32)

    /// Outputs of a container that is yet to be started.
    public init() throws(RuntimeError) {
        let (first, second) = (try Self.pair(), try Self.pair())
        readers = (first.reader, second.reader)
        writers = (first.writer, second.writer)
    }

    deinit {
        closeWriters()
        close(readers.stdout)
        close(readers.stderr)
    }

    private static func pair() throws(RuntimeError) -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw .system("cannot make a socket for the container's output")
        }
        defer { close(ends[1]) }
        let writer = fcntl(ends[1], F_DUPFD_CLOEXEC, 10)
        guard writer >= 0 else {
            throw .system("cannot make a socket for the container's output")
        }
        return (ends[0], writer)
    }

    /// To be called once the shim has them: the outputs end with the last who has them open.
    func closeWriters() {
        guard writers.stdout >= 0 else { return }
        close(writers.stdout)
        close(writers.stderr)
        writers = (-1, -1)
    }

    /// Calls `body` with what comes, until both outputs have ended.
    public func read(_ body: (LogStream, UnsafeRawBufferPointer) -> Void) {
        var polls = [readers.stdout, readers.stderr].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer in
            while polls.contains(where: { $0.fd >= 0 }) {
                guard poll(&polls, 2, -1) > 0 else { continue }
                for i in 0..<2 where polls[i].fd >= 0 && polls[i].revents != 0 {
                    let count = Glibc.read(polls[i].fd, buffer.baseAddress, buffer.count)
                    if count < 0, errno == EINTR { continue }
                    guard count > 0 else {
                        polls[i].fd = -1
                        continue
                    }
                    body(
                        i == 0 ? .stdout : .stderr,
                        UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                }
            }
        }
    }
}
