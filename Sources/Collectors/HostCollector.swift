// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model

/// The machine's own numbers, which cAdvisor calls `machine_*`.
final class HostCollector {
    private let facts: HostFacts
    private var series: [(SeriesRef, Double)] = []

    init(facts: HostFacts = HostFacts()) { self.facts = facts }

    /// Adds the samples; the facts are read once, because they change with a reboot.
    func collect(into batch: inout Batch, appender: any Appender) throws {
        if series.isEmpty { try register(appender) }
        for (ref, value) in series { batch.append(ref, value) }
    }

    /// The host's name as uname(2) has it.
    private static var nodeName: String {
        var bytes = [CChar](repeating: 0, count: 257)
        guard gethostname(&bytes, 256) == 0 else { return "" }
        return bytes.withUnsafeBufferPointer { text in
            text.baseAddress.map { String(cString: $0) } ?? ""
        }
    }

    private func register(_ appender: any Appender) throws {
        var labels = Labels()
        labels["machine_id"] = facts.machineID ?? ""
        labels["system_uuid"] = facts.systemUUID ?? ""
        labels["boot_id"] = facts.bootID ?? ""
        let target = try appender.target(labels)
        var about: Labels = ["service_name": "ullage", "os_type": "linux"]
        about["host_name"] = HostCollector.nodeName
        about["host_id"] = facts.machineID ?? ""
        about["os_version"] = facts.kernel ?? ""
        let info = try appender.target([:])
        series.append(
            (try appender.series(MachineMetrics.target, target: info, labels: about), 1))
        let values: [(MetricDescriptor, Int64?)] = [
            (MachineMetrics.memory, facts.memoryBytes), (MachineMetrics.swap, facts.swapBytes),
            (MachineMetrics.cpus, facts.cpus), (MachineMetrics.cores, facts.cores),
            (MachineMetrics.sockets, facts.sockets),
        ]
        for (metric, value) in values {
            guard let value else { continue }
            series.append((try appender.series(metric, target: target), Double(value)))
        }
    }
}
