// SPDX-License-Identifier: Apache-2.0

extension ContainerMetrics {
    /// Bytes, packets, errors and drops, received and then transmitted, with `interface`.
    public static let network: [MetricDescriptor] = ["receive", "transmit"].flatMap { direction in
        [("bytes", "bytes"), ("packets", ""), ("errors", ""), ("packets_dropped", "")].map {
            what, unit in
            MetricDescriptor(
                "container_network_\(direction)_\(what)_total", .counter, unit: unit,
                help: "Cumulative count of \(what.split(separator: "_").joined(separator: " ")) "
                    + "on \(direction).", source: "/proc/PID/net/dev")
        }
    }
}
