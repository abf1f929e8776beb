// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// Which logs are stored, and how much of them.
    public struct Logs: Hashable, Sendable {
        /// Whether containers' logs are stored.
        public var isEnabled = true
        /// How long lines are kept, in milliseconds.
        public var retention: Int64 = 30 * 86_400_000
        /// Bytes on disk of all logs.
        public var maxSize: Int64 = 8 << 30
        /// Bytes on disk of one container's.
        public var maxContainerSize: Int64 = 1 << 30
        /// Patterns of plain files.
        public var files: [String] = []
        /// Where the kubelet has the logs of pods; empty for nowhere.
        public var pods = "/var/log/pods"
    }
}
