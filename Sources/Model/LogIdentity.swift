// SPDX-License-Identifier: Apache-2.0

/// Whose log it is.
public struct LogIdentity: Hashable, Sendable {
    /// The container's id, which names its directory in the store.
    public var id: String
    /// The container's name; several containers have it one after the other.
    public var name: String
    /// When the container was made, which puts the containers of one name in order.
    public var createdAt: Milliseconds
    /// `engine`, `image`, what `Key` names, and the container's own labels. Untrusted.
    public var labels: [String: String]

    /// The identity of a container of these parts.
    public init(
        id: String, name: String, createdAt: Milliseconds, labels: [String: String] = [:]
    ) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.labels = labels
    }

    /// The identity under which a container's log is stored.
    public init(_ container: Container) {
        var labels = container.labels
        labels["engine"] = container.engine.rawValue
        labels["image"] = container.image
        labels["compose_project"] = labels["com.docker.compose.project"]
        labels["compose_service"] = labels["com.docker.compose.service"]
        labels["unit"] = container.unit
        if let names = container.kubernetes {
            labels["namespace"] = names.namespace
            labels["pod"] = names.pod
            labels["container"] = names.container
        }
        self.init(
            id: container.id, name: container.name, createdAt: container.createdAt, labels: labels)
    }

    /// What selectors are tried on. Labels of the configuration, and those of a stream that another
    /// host sends, have their own names here too, where nothing else has that name.
    public var selectable: Labels {
        var result = Labels(labels.map { Label(name: $0.key, value: $0.value) })
        for (key, value) in labels where key.hasPrefix(Self.configured) {
            let name = String(key.dropFirst(Self.configured.count))
            if result[name].isEmpty { result[name] = value }
        }
        result["id"] = id
        result["name"] = name
        return result
    }

    /// Labels of the configuration are kept under their name with this before it.
    public static let configured = "log."

    /// The few labels that set streams apart in LogQL, each with a value: `container` (in a pod the
    /// container's name there), `engine`, `image`, `compose_project`, `compose_service`,
    /// `namespace`, `pod`, `unit`, `filename`, and those of the configuration.
    public var streamLabels: Labels {
        var result: Labels = ["container": labels["container"] ?? name]
        for key in Self.streamKeys { result[key] = labels[key] ?? "" }
        for (key, value) in labels where key.hasPrefix(Self.configured) {
            result[String(key.dropFirst(Self.configured.count))] = value
        }
        return result
    }

    private static let streamKeys = [
        "engine", "image", "compose_project", "compose_service", "namespace", "pod", "unit",
        "filename",
    ]
}
