// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// Which engines' containers are watched, and where the engines keep their state.
    public struct Discovery: Hashable, Sendable {
        /// Names of engines; `auto` for all that the host has.
        public var engines: [String] = ["auto"]
        /// Docker's data root.
        public var dockerRoot = "/var/lib/docker"
        /// The storage of root's Podman; users' are found by themselves.
        public var podmanRoot = "/var/lib/containers/storage"
        /// Where containerd keeps the bundles of running containers.
        public var containerdTasks = "/run/containerd/io.containerd.runtime.v2.task"
        /// Where targets are written for file_sd; nil for nowhere.
        public var targetsFile: String?

        /// Whether containers of the engine of this name are wanted.
        public func wants(_ engine: String) -> Bool {
            engine == "embedded" || engines.contains("auto") || engines.contains(engine)
        }

        init() {}
    }
}
