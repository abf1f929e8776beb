// SPDX-License-Identifier: Apache-2.0

import CLinux

/// How the calling thread stands behind others.
public enum ThreadPriority {
    /// Lets it read disks only when nobody else wants to.
    public static func readWhenIdle() { ul_read_when_idle() }
}
