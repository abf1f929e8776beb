// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// What `ullage run` takes when it is not told otherwise.
    public struct Runtime: Hashable, Sendable {
        /// The log driver.
        public var logDriver = "json-file"
        /// Options of that driver, KEY=VALUE each.
        public var logOptions = ["max-size=100m", "max-file=5"]
    }
}
