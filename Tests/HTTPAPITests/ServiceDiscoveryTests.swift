// SPDX-License-Identifier: Apache-2.0

import Codecs
import HTTPAPI
import Model
import Testing

@Suite("Service discovery")
struct ServiceDiscoveryTests {
    @Test("Published ports and labelled ports are targets, in http_sd's format")
    func targets() throws {
        var web = Container(
            engine: .docker, id: "a1", name: "web\"\n", image: "nginx", state: .running,
            createdAt: 0)
        web.ports = [
            PortMapping(
                hostAddress: "0.0.0.0", hostPort: 8080, containerPort: 80, transport: "tcp"),
            PortMapping(hostAddress: "::1", hostPort: 8443, containerPort: 443, transport: "tcp"),
            PortMapping(hostAddress: "", hostPort: 53, containerPort: 53, transport: "udp"),
        ]
        web.labels = ["prometheus.io/port": "9113", "com.docker.compose.project": "shop"]
        var gone = web
        gone.id = "a2"
        gone.state = .exited
        var unit = web
        unit.id = "/u"
        unit.engine = .systemd
        let targets = ServiceDiscovery.targets([web, gone, unit]) { _ in ["172.17.0.2"] }
        #expect(targets.map(\.address) == ["127.0.0.1:8080", "[::1]:8443", "172.17.0.2:9113"])
        let json = try #require(JSONValue(ServiceDiscovery.render(targets)))
        let first = json.array[0]
        #expect(first["targets"].array == [.string("127.0.0.1:8080")])
        let labels = first["labels"].strings
        #expect(labels["__meta_ullage_container_name"] == "web\"\n")
        #expect(labels["__meta_ullage_port_private"] == "80")
        #expect(labels["__meta_ullage_compose_project"] == "shop")
        #expect(labels["__meta_ullage_container_label_prometheus_io_port"] == "9113")
    }
}
