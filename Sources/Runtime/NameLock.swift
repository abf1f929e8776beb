// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Makes taking a name one step: whoever holds the lock sees every container there is.
struct NameLock {
    private let descriptor: Int32

    /// Waits for the lock of a `containers` directory.
    init(containers: String) throws(RuntimeError) {
        let path = containers + "/.lock"
        descriptor = ul_open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .system("cannot open \(path)") }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let code = errno
                close(descriptor)
                throw .system("cannot lock \(path)", code)
            }
        }
    }

    func release() { close(descriptor) }
}
