// SPDX-License-Identifier: Apache-2.0

/// What Kubernetes calls a container. Untrusted text.
public struct KubernetesNames: Hashable, Sendable {
    /// The pod's namespace.
    public var namespace: String
    /// The pod's name.
    public var pod: String
    /// The container's name in the pod; `POD` for the sandbox, as the kubelet has it.
    public var container: String

    /// These names.
    public init(namespace: String, pod: String, container: String) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
    }
}

/// What a health check says.
public enum ContainerHealth: String, Hashable, Sendable {
    /// Not decided yet.
    case starting
    /// The last checks passed.
    case healthy
    /// Enough checks in a row failed.
    case unhealthy
}

/// A port of the host that leads to one of a container.
public struct PortMapping: Hashable, Sendable {
    /// The host's address; empty for all.
    public var hostAddress: String
    /// The host's port.
    public var hostPort: Int
    /// The container's port.
    public var containerPort: Int
    /// `tcp`, `udp` or `sctp`.
    public var transport: String

    /// This mapping.
    public init(hostAddress: String, hostPort: Int, containerPort: Int, transport: String) {
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.containerPort = containerPort
        self.transport = transport
    }
}

/// Something mounted in a container.
public struct ContainerMount: Hashable, Sendable {
    /// `bind`, `volume` or `tmpfs`.
    public var kind: String
    /// The volume's name, or the path on the host.
    public var source: String
    /// The path in the container.
    public var destination: String
    /// Whether it may not be written to.
    public var isReadOnly: Bool

    /// This mount.
    public init(kind: String, source: String, destination: String, isReadOnly: Bool) {
        self.kind = kind
        self.source = source
        self.destination = destination
        self.isReadOnly = isReadOnly
    }
}

extension Container {
    /// The Compose project it belongs to, by the label Compose sets.
    public var composeProject: String? {
        labels["com.docker.compose.project"] ?? labels["io.podman.compose.project"]
    }

    /// The Compose service it is one of.
    public var composeService: String? { labels["com.docker.compose.service"] }
}
