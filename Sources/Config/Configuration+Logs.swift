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
        /// What is done to the lines of which logs; the first rule whose conditions hold counts.
        public var pipelines: [LogPipelineRule] = []
        /// Where the kubelet has the logs of pods; empty for nowhere.
        public var pods = "/var/log/pods"
        /// `auto` for the host's journal, a directory for another, `none` for no journal.
        public var journal = "auto"
        /// Patterns of the units whose entries in the journal are stored.
        public var units = ["*.service"]
        /// Metrics made of lines.
        public var metrics: [LogMetric] = []
    }

    /// A metric made of lines, as it is written.
    public struct LogMetric: Hashable, Sendable {
        /// The metric's name.
        public var name = ""
        /// What it is, in words.
        public var help = ""
        /// `count`, `sum` or `histogram`.
        public var type = "count"
        /// The lines, in LogQL.
        public var query = ""
        /// The label whose value is taken; empty for a count.
        public var value = ""
        /// The labels of its series.
        public var labels: [String] = []
        /// The bounds of a histogram; empty for the usual ones.
        public var buckets: [Double] = []
    }
}
