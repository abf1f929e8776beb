// SPDX-License-Identifier: Apache-2.0

/// An image on the host. Names are untrusted text.
public struct ContainerImage: Hashable, Sendable {
    /// The engine's identifier; empty when only containers tell of the image.
    public var id: String
    /// What it is called.
    public var names: [String]
    /// Bytes of all of its layers.
    public var bytes: Int64?
    /// Bytes of those layers that another image has, too.
    public var sharedBytes: Int64?
    /// How many layers it has.
    public var layers: Int?
    /// The containers that run it, by name.
    public var users: [String] = []

    /// An image of this identifier and these names.
    public init(id: String, names: [String]) {
        self.id = id
        self.names = names
    }

    /// The registry it comes from, by its first name: `docker.io` unless the name says another.
    public var registry: String {
        guard let name = names.first, let slash = name.firstIndex(of: "/") else {
            return "docker.io"
        }
        let host = name[..<slash]
        return host.contains(".") || host.contains(":") || host == "localhost"
            ? String(host) : "docker.io"
    }
}

/// A directory that containers keep data in.
public struct ContainerVolume: Hashable, Sendable {
    /// `volume` for one that an engine manages, `bind` for a directory of the host.
    public var kind: String
    /// The volume's name, or the path on the host.
    public var source: String
    /// The containers that have it, by name; none for one that is left over.
    public var users: [String]
    /// Bytes on disk; nil when they may not be looked at.
    public var bytes: Int64?
    /// Whether all of it could be counted within the budget.
    public var isComplete = true

    /// A volume.
    public init(kind: String, source: String, users: [String]) {
        self.kind = kind
        self.source = source
        self.users = users
    }
}

/// How a container is connected.
public struct ContainerConnection: Hashable, Sendable {
    /// The container.
    public var container: Container
    /// `host`, `none`, `container` when it shares another's, or `bridge`.
    public var mode: String
    /// Its addresses.
    public var addresses: [String] = []
    /// Its interfaces.
    public var interfaces: [String] = []
    /// The host's ends of its virtual cables, where they can be told.
    public var hostInterfaces: [String] = []
    /// For each port mapping whether something inside listens; nil when that is not known.
    public var listening: [Bool?] = []

    /// A connection.
    public init(container: Container, mode: String) {
        self.container = container
        self.mode = mode
    }
}

/// What there is besides the containers themselves.
public struct Inventory: Hashable, Sendable {
    /// How each running container is connected.
    public var connections: [ContainerConnection] = []
    /// Volumes and bind mounts.
    public var volumes: [ContainerVolume] = []
    /// Images.
    public var images: [ContainerImage] = []

    /// Nothing.
    public init() {}
}
