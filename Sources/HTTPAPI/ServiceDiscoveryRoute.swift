// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model

/// `/api/v1/sd`: running containers as targets, in the format of Prometheus' http_sd.
enum ServiceDiscoveryRoute {
    static let endpoint = Endpoint(path: "/api/v1/sd") { call in
        Answer(body: ServiceDiscovery.render(call.services.targets()))
    }
}

/// The targets that containers offer.
public enum ServiceDiscovery {
    /// Something that can be scraped.
    public struct Target: Hashable, Sendable {
        /// `HOST:PORT`.
        public var address: String
        /// Labels that relabelling sees, and that are dropped afterwards.
        public var labels: [(String, String)]

        /// A target.
        public init(address: String, labels: [(String, String)]) {
            self.address = address
            self.labels = labels
        }

        /// Whether both are the same.
        public static func == (a: Self, b: Self) -> Bool {
            a.address == b.address && a.labels.elementsEqual(b.labels, by: ==)
        }

        /// Feeds the address, which nearly always tells.
        public func hash(into hasher: inout Hasher) { hasher.combine(address) }
    }

    /// The document of http_sd and file_sd.
    public static func render(_ targets: [Target]) -> [UInt8] {
        var json = JSONWriter()
        json.list(targets) { json, target in
            json.raw("{\"targets\":[")
            json.string(target.address)
            json.raw("],\"labels\":")
            json.object(target.labels)
            json.raw("}")
        }
        return json.bytes
    }

    private static let prefix = "__meta_ullage_"
    private static let maxLabel = 1024

    /// The targets of the running containers in `list`: a published port by its address on the
    /// host, and what the container's label `prometheus.io/port` names by `addresses`, the
    /// container's own.
    public static func targets(
        _ list: [Container], addresses: (Container) -> [String]
    ) -> [Target] {
        var result: [Target] = []
        let running = list.filter { $0.state == .running && isEngines($0) }
            .sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        for container in running {
            let common = labels(container)
            for port in container.ports where port.transport == "tcp" {
                let isAny = ["", "0.0.0.0", "::"].contains(port.hostAddress)
                let host = isAny ? "127.0.0.1" : port.hostAddress
                result.append(
                    Target(
                        address: join(host, port.hostPort),
                        labels: common + [
                            (prefix + "port_public", "\(port.hostPort)"),
                            (prefix + "port_private", "\(port.containerPort)"),
                        ]))
            }
            let named =
                container.labels["prometheus.io/port"] ?? container.labels["prometheus.port"]
            guard let port = named.flatMap({ Int($0) }), (1...65535).contains(port) else {
                continue
            }
            for address in addresses(container).prefix(4) {
                result.append(
                    Target(
                        address: join(address, port),
                        labels: common + [(prefix + "port_private", "\(port)")]))
            }
        }
        return result
    }

    private static func isEngines(_ container: Container) -> Bool {
        container.engine != .systemd && container.engine != .cgroup
    }

    private static func join(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func labels(_ container: Container) -> [(String, String)] {
        var labels: [(String, String)] = [
            (prefix + "container_id", container.id), (prefix + "container_name", container.name),
            (prefix + "engine", container.engine.rawValue), (prefix + "image", container.image),
        ]
        let more: [(String, String?)] = [
            ("namespace", container.kubernetes?.namespace), ("pod", container.kubernetes?.pod),
            ("pod_container", container.kubernetes?.container),
            ("compose_project", container.composeProject),
            ("compose_service", container.composeService),
        ]
        for (name, value) in more {
            if let value { labels.append((prefix + name, value)) }
        }
        for (key, value) in container.labels.sorted(by: { $0.key < $1.key }).prefix(64) {
            let name = key.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
            labels.append(
                (prefix + "container_label_" + String(name), String(value.prefix(maxLabel))))
        }
        return labels
    }
}
