// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Keeps agents away from a data directory, for as long as it is held: each agent holds it, and so
/// do commands that open the store themselves.
///
/// flock(2) goes with the process, so a killed agent leaves nothing to clean up.
public struct InstanceLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock at `path`, making the file.
    public init(path: String) throws(AgentError) {
        descriptor = ul_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw AgentError(
                "cannot open the lock file \(path): \(AgentError.reason(errno)). "
                    + "The agent needs write access to its data directory.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason =
                errno == EWOULDBLOCK
                ? "an agent is running with this data directory. Stop it, or use another "
                    + "--data-dir."
                : AgentError.reason(errno)
            close(descriptor)
            throw AgentError("cannot lock \(path): \(reason)")
        }
    }

    deinit { close(descriptor) }
}
