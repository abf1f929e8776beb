// SPDX-License-Identifier: Apache-2.0

/// Where things are below the data directory.
///
/// `containers/` belongs to root and is written by `ullage run` and the shims; `agent/` belongs
/// to the agent's user and is written by the agent alone.
public struct DataDirectory: Hashable, Sendable {
    /// The directory itself, `/var/lib/ullage` unless configured.
    public let path: String

    /// The layout below `path`.
    public init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// The default place.
    public static let standard = "/var/lib/ullage"

    /// What the agent owns.
    public var agent: String { path + "/agent" }
    /// The series store.
    public var series: String { agent + "/series" }
    /// The events of containers.
    public var events: String { agent + "/events" }
    /// The log store.
    public var logs: String { agent + "/logs" }
    /// A directory for each sink: its cursor and what it refused.
    public var ship: String { agent + "/ship" }
    /// The agent's Unix socket.
    public var socket: String { agent + "/ullage.sock" }
    /// Held with flock(2) while an agent runs here.
    public var lock: String { agent + "/lock" }
}
