// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Keeps a second agent away from a data directory, for as long as it is held.
///
/// flock(2) goes with the process, so a killed agent leaves nothing to clean up.
struct InstanceLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock at `path`, making the file and its directory.
    init(path: String) throws(AgentError) {
        descriptor = ul_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw AgentError(
                "cannot open the lock file \(path): \(AgentError.reason(errno)). "
                    + "The agent needs write access to its data directory.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason =
                errno == EWOULDBLOCK
                ? "another agent is running with this data directory. Stop it, or give this one "
                    + "its own --data-dir."
                : AgentError.reason(errno)
            close(descriptor)
            throw AgentError("cannot lock \(path): \(reason)")
        }
    }

    deinit { close(descriptor) }
}
