// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// How recording and alerting rules are evaluated.
    public struct Rules: Hashable, Sendable {
        /// Where rule files are.
        public var directory = "/etc/ullage/rules.d"
        /// Milliseconds between two evaluations of a group that says nothing else.
        public var interval: Int64 = 15_000
        /// How far back from the time of an evaluation expressions look, in milliseconds.
        public var queryOffset: Int64 = 0
        /// The labels of this host: for templates and for notifications.
        public var externalLabels: [String: String] = [:]
        /// Milliseconds until a firing alert is handed over again.
        public var resendDelay: Int64 = 60_000
        /// How long the agent may have been away for the state of alerts to be restored.
        public var outageTolerance: Int64 = 3_600_000
        /// How long a restored alert waits at least before it fires.
        public var gracePeriod: Int64 = 600_000
    }
}
