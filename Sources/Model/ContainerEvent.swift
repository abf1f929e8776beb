// SPDX-License-Identifier: Apache-2.0

/// Tells one container from all others, of any engine and any time: engines do not use an
/// identifier again.
public struct ContainerKey: Hashable, Sendable {
    /// Who runs the container.
    public let engine: Container.Engine
    /// The engine's identifier.
    public let id: String

    /// The key of these parts.
    public init(engine: Container.Engine, id: String) {
        self.engine = engine
        self.id = id
    }
}

extension Container {
    /// What tells it from all others.
    public var key: ContainerKey { ContainerKey(engine: engine, id: id) }
}

/// What a container used in one life, from its start to its end; nil where nobody counted.
public struct ContainerTotals: Hashable, Sendable {
    /// CPU time in seconds.
    public var cpuSeconds: Double?
    /// The most memory it had at once, in bytes.
    public var memoryPeak: Int64?
    /// Bytes read from block devices.
    public var readBytes: Int64?
    /// Bytes written to block devices.
    public var writtenBytes: Int64?

    /// Nothing counted.
    public init() {}
}

/// Something that happened to a container.
public struct ContainerEvent: Hashable, Sendable {
    /// What happened, in Docker's words.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// It was made.
        case create
        /// Its first process started.
        case start
        /// Its first process ended.
        case die
        /// The kernel ended a process of it for want of memory.
        case oom
        /// Its health check came to another result.
        case health
        /// It has another name.
        case rename
        /// It is no more.
        case remove
    }

    /// What happened.
    public var kind: Kind
    /// When, as the engine says, or when it was noticed.
    public var time: Milliseconds
    /// The container as it was then; not all of it is stored.
    public var container: Container
    /// `rename`: what it was called before.
    public var oldName: String?
    /// `oom`: processes ended since the container's start.
    public var oomKills: Int64?
    /// `die`: what it used since its start.
    public var totals: ContainerTotals?
    /// Whether it happened while no agent watched, so that `time` is when it was noticed.
    public var isLate = false

    /// An event.
    public init(_ kind: Kind, at time: Milliseconds, of container: Container) {
        self.kind = kind
        self.time = time
        self.container = container
    }
}
