// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// `/api/v1/containers`: base units, null for what is not known. With `full=1` also what the engine
/// says of each: labels, command, mounts, limits, process, times.
enum ContainersJSON {
    static func render(_ all: [ContainerStats], full: Bool = false) -> JSONWriter {
        var json = JSONWriter()
        json.raw("{\"status\":\"success\",\"data\":")
        json.list(all) { json, stats in row(stats, full: full, &json) }
        json.raw("}")
        return json
    }

    private static func row(_ stats: ContainerStats, full: Bool, _ json: inout JSONWriter) {
        let container = stats.container
        json.raw("{\"name\":")
        json.string(container.name)
        json.raw(",\"id\":")
        json.string(container.id)
        json.raw(",\"engine\":")
        json.string(container.engine.rawValue)
        json.raw(",\"image\":")
        json.string(container.image)
        json.raw(",\"state\":")
        json.string(container.state.rawValue)
        let integers: [(StaticString, Int64?)] = [
            (",\"memoryUsageBytes\":", stats.memoryUsage),
            (",\"memoryWorkingSetBytes\":", stats.memoryWorkingSet),
            (",\"memoryLimitBytes\":", stats.memoryLimit), (",\"pids\":", stats.pids),
            (",\"pidsLimit\":", stats.pidsLimit), (",\"oomKills\":", stats.oomKills),
            (",\"exitCode\":", container.exitCode.map(Int64.init)),
            (",\"ioReadBytes\":", stats.ioReadBytes),
            (",\"ioWrittenBytes\":", stats.ioWrittenBytes),
            (",\"networkReceivedBytes\":", stats.networkReceivedBytes),
            (",\"networkTransmittedBytes\":", stats.networkTransmittedBytes),
        ]
        for (name, value) in integers {
            json.raw(name)
            json.number(value.map(Double.init))
        }
        let numbers: [(StaticString, Double?)] = [
            (",\"cpuCores\":", stats.cpuCores), (",\"throttledRatio\":", stats.throttledRatio),
            (",\"throttledSeconds\":", stats.throttledSeconds),
            (",\"headroomRatio\":", stats.headroomRatio),
            (",\"timeToFullSeconds\":", stats.timeToFull),
            (",\"ioReadBytesPerSecond\":", stats.ioReadRate),
            (",\"ioWriteBytesPerSecond\":", stats.ioWriteRate),
            (",\"cpuPressureRatio\":", stats.cpuPressure),
            (",\"memoryPressureRatio\":", stats.memoryPressure),
            (",\"ioPressureRatio\":", stats.ioPressure),
            (",\"logLinesPerSecond\":", stats.logLineRate),
        ]
        for (name, value) in numbers {
            json.raw(name)
            json.number(value)
        }
        identity(container, &json)
        if full { details(container, &json) }
        json.raw(",\"headroomResource\":")
        if let resource = stats.headroomResource { json.string(resource) } else { json.raw("null") }
        json.raw("}")
    }

    /// What the engine says of it, so far as it says anything.
    private static func identity(_ container: Container, _ json: inout JSONWriter) {
        let texts: [(StaticString, String?)] = [
            (",\"cgroupPath\":", container.cgroupPath), (",\"unit\":", container.unit),
            (",\"namespace\":", container.kubernetes?.namespace),
            (",\"pod\":", container.kubernetes?.pod),
            (",\"container\":", container.kubernetes?.container),
            (",\"composeProject\":", container.composeProject),
            (",\"composeService\":", container.composeService),
            (",\"health\":", container.health?.rawValue),
        ]
        for (name, text) in texts {
            guard let text else { continue }
            json.raw(name)
            json.string(text)
        }
        json.raw(",\"createdAtMs\":")
        json.number(Double(container.createdAt))
        json.raw(",\"startedAtMs\":")
        json.number(container.startedAt.map { Double($0) })
        json.raw(",\"restartCount\":")
        json.number(container.restartCount.map { Double($0) })
        json.raw(",\"networks\":")
        json.list(container.networks) { $0.string($1) }
        json.raw(",\"ports\":")
        json.list(container.ports) { json, port in
            json.string(
                "\(port.hostAddress):\(port.hostPort)->\(port.containerPort)/\(port.transport)")
        }
    }

    private static func details(_ container: Container, _ json: inout JSONWriter) {
        json.raw(",\"labels\":")
        json.object(container.labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        json.raw(",\"command\":")
        json.strings(container.command)
        let numbers: [(StaticString, Double?)] = [
            (",\"generation\":", Double(container.generation)),
            (",\"pid\":", container.initPID.map { Double($0) }),
            (",\"finishedAtMs\":", container.finishedAt.map { Double($0) }),
            (",\"limitMemoryBytes\":", container.limits.memory.map { Double($0) }),
            (",\"limitCpus\":", container.limits.cpus),
            (",\"limitPids\":", container.limits.pids.map { Double($0) }),
        ]
        for (name, value) in numbers {
            json.raw(name)
            json.number(value)
        }
        json.raw(",\"oomKilled\":")
        if container.oomKilled { json.raw("true") } else { json.raw("false") }
        if case .jsonFile(let path) = container.logSource {
            json.raw(",\"logPath\":")
            json.string(path)
        }
        json.raw(",\"mounts\":")
        json.list(container.mounts) { json, mount in
            json.object([
                ("kind", mount.kind), ("source", mount.source), ("destination", mount.destination),
                ("mode", mount.isReadOnly ? "ro" : "rw"),
            ])
        }
    }
}
