// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL

/// What the server serves, given to it by the agent.
public struct Services: Sendable {
    /// Answers queries.
    public var engine: Engine
    /// Answers questions about series and labels.
    public var querier: any SeriesQuerier
    /// Writes `/metrics`.
    public var exposition: any ExpositionSource
    /// What containers use, as of the last tick.
    public var containers: @Sendable () -> [ContainerStats]
    /// nil when the agent is ready, or why it is not.
    public var notReady: @Sendable () -> String?
    /// The program's version.
    public var version: String

    /// The services.
    public init(
        engine: Engine, querier: any SeriesQuerier, exposition: any ExpositionSource,
        containers: @escaping @Sendable () -> [ContainerStats],
        notReady: @escaping @Sendable () -> String?, version: String
    ) {
        self.engine = engine
        self.querier = querier
        self.exposition = exposition
        self.containers = containers
        self.notReady = notReady
        self.version = version
    }
}
