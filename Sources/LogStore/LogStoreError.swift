// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Why the log store could not do something.
public struct LogStoreError: Error, CustomStringConvertible, Sendable {
    /// What was being done, to what, why it failed and what can be done.
    public let description: String

    init(_ description: String) { self.description = description }

    /// What a system call said, as of now.
    static func system(_ doing: String, _ path: String, _ code: Int32 = errno) -> LogStoreError {
        var advice = ""
        if code == ENOSPC || code == EDQUOT {
            advice =
                ". Free some space, or lower logs.max_size; nothing is lost while the "
                + "container's own log files are there"
        } else if code == EACCES || code == EPERM {
            advice = ". The store belongs to the user that the agent runs as"
        }
        return LogStoreError("\(doing) \(path): \(String(cString: strerror(code)))\(advice)")
    }
}
