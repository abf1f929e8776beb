// SPDX-License-Identifier: Apache-2.0

public import Linux
public import LogQL
public import LogStore
public import Model
public import Outputs
public import PromQL
public import Rules

/// What the server serves, given to it by the agent.
public struct Services: Sendable {
    /// The bounds of evaluation.
    public var engineOptions: Engine.Options
    /// Answers questions about series and labels, and gives queries their samples.
    public var querier: any SeriesQuerier
    /// Writes `/metrics`.
    public var exposition: any ExpositionSource
    /// What containers use, as of the last tick.
    public var containers: @Sendable () -> [ContainerStats]
    /// nil when the agent is ready, or why it is not.
    public var notReady: @Sendable () -> String?
    /// The program's version.
    public var version: String
    /// The stored logs; nil when none are kept.
    public var logArchive: LogArchive?
    /// What the agent says of itself under `/api/v1/status`.
    public var status: @Sendable () -> AgentStatus = { AgentStatus() }
    /// The groups of rules with what their last evaluations came to.
    public var ruleGroups: @Sendable () -> [GroupStatus] = { [] }
    /// The events that satisfy a request, and the number of the newest one.
    public var events: @Sendable (EventRequest) -> (lines: [[UInt8]], last: Int64)? = { _ in nil }
    /// Answers questions about logs; nil when none are kept.
    public var logs: (any LogQuerier)?
    /// The bounds of queries about logs.
    public var logOptions = LogEngine.Options()
    /// The processes of a cgroup, by its path; those the agent may not see are left out.
    public var processes: @Sendable (String) -> [ProcessEntry] = { _ in [] }
    /// Silences, and tests of receivers.
    public var alerting = AlertServices()
    /// How the running containers are confined.
    public var findings: @Sendable () -> [(Container, [AuditFinding])] = { [] }
    /// Networks, volumes and images.
    public var inventory: @Sendable () -> Inventory = { Inventory() }
    /// What there is to scrape.
    public var targets: @Sendable () -> [ServiceDiscovery.Target] = { [] }
    /// How the sinks are doing.
    public var sinks: @Sendable () -> [SinkStatus] = { [] }
    /// Has a sink send at once, or again since a time; false when there is no such sink.
    public var askSink: @Sendable (_ name: String, SinkRequest) -> Bool = { _, _ in false }
    /// The bounds of serving.
    public var limits = ServingLimits()
    /// Counts what is asked.
    public var counters = ServingCounters()

    /// The services.
    public init(
        engineOptions: Engine.Options = Engine.Options(), querier: any SeriesQuerier,
        exposition: any ExpositionSource,
        containers: @escaping @Sendable () -> [ContainerStats],
        notReady: @escaping @Sendable () -> String?, version: String
    ) {
        self.engineOptions = engineOptions
        self.querier = querier
        self.exposition = exposition
        self.containers = containers
        self.notReady = notReady
        self.version = version
    }
}

/// What `/api/v1/events` is asked for.
public struct EventRequest: Sendable {
    /// When the events happened.
    public var range: TimeRange
    /// Only what was written after the event of this number.
    public var after: Int64
    /// The last so many.
    public var limit: Int
    /// `NAME=VALUE` texts.
    public var filters: [String]
}

/// The agent's state, for people and for tools that ask a Prometheus how it is.
public struct AgentStatus: Sendable {
    /// When the agent started.
    public var started: Milliseconds = 0
    /// When the configuration in use was read.
    public var configRead: Milliseconds = 0
    /// Whether the last reading of the configuration succeeded.
    public var reloadSucceeded = true
    /// Damaged parts of the store that were set aside.
    public var quarantined: Int64 = 0
    /// How long samples are kept, in words.
    public var retention = ""
    /// The configuration in use, as YAML.
    public var configuration = ""
    /// Options in use, by name.
    public var flags: [(String, String)] = []

    /// Nothing known.
    public init() {}
}
