// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging

/// Who may use the agent's Unix socket: its owner, root, and the members of one group.
enum SocketAccess {
    /// Gives a group the right to connect. A group that does not exist changes nothing.
    static func grant(_ path: String, to group: String, _ logger: Logger) {
        guard let entry = getgrnam(group) else { return }
        // The directories above are open to all already; only the agent's data is not.
        guard chown(path, uid_t.max, entry.pointee.gr_gid) == 0, chmod(path, 0o660) == 0 else {
            logger.warning(
                "the socket stays with its owner: the agent may not give it to the group",
                metadata: ["group": "\(group)", "reason": "\(AgentError.reason(errno))"])
            return
        }
    }
}
