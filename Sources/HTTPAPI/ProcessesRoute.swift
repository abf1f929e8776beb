// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model

/// `/api/v1/processes?container=NAME-OR-ID`: the processes of one container.
enum ProcessesRoute {
    static let endpoint = Endpoint(path: "/api/v1/processes") { call in
        guard let reference = call.parameters.first("container") else {
            throw APIError.parameter("container", "expected a name or an id")
        }
        let container = try find(reference, in: call.services.containers().map(\.container))
        let processes = container.cgroupPath.map(call.services.processes) ?? []
        return Answer.success { json in
            json.raw("{\"name\":")
            json.string(container.name)
            json.raw(",\"id\":")
            json.string(container.id)
            json.raw(",\"state\":")
            json.string(container.state.rawValue)
            json.raw(",\"processes\":")
            json.list(processes) { row($1, &$0) }
            json.raw("}")
        }
    }

    /// The container of this name or id, or the only one whose id begins so. One that runs comes
    /// before one of the same name that does not.
    private static func find(
        _ reference: String, in all: [Container]
    ) throws(APIError) -> Container {
        let exact = all.filter { $0.name == reference || $0.id == reference }
        if let found = exact.first(where: { $0.state == .running }) ?? exact.first { return found }
        let matches = all.filter { $0.id.hasPrefix(reference) }
        guard let match = matches.first, matches.count == 1 else {
            let text = reference.prefix(100)
            throw APIError(
                matches.isEmpty ? .notFound : .badData,
                matches.isEmpty
                    ? "no container is called \"\(text)\""
                    : "\"\(text)\" begins more than one id")
        }
        return match
    }

    private static func row(_ process: ProcessEntry, _ json: inout JSONWriter) {
        let numbers: [(StaticString, Int64?)] = [
            ("{\"pid\":", Int64(process.pid)), (",\"parentPid\":", Int64(process.parent)),
            (",\"innerPid\":", process.innerPid.map { Int64($0) }),
            (",\"uid\":", Int64(process.uid)), (",\"threads\":", process.threads),
            (",\"residentBytes\":", process.residentBytes),
            (",\"startedAtMs\":", process.startedAt),
        ]
        for (name, value) in numbers {
            json.raw(name)
            json.number(value.map { Double($0) })
        }
        json.raw(",\"cpuSeconds\":")
        json.number(process.cpuSeconds)
        json.raw(",\"state\":")
        json.string(String(decoding: [process.state], as: UTF8.self))
        json.raw(",\"command\":")
        json.strings(process.command)
        json.raw("}")
    }
}
