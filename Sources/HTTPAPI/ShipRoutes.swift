// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import Model
import Outputs

/// How sinks are doing, and what can be asked of them.
enum ShipRoutes {
    static let all = [
        Endpoint(path: "/api/v1/ship/status") { call in
            Answer.success { json in
                json.list(call.services.sinks()) { append($1, to: &$0) }
            }
        }
    ]

    /// What makes sinks send.
    static let writing = [
        Endpoint(path: "/api/v1/ship/flush", methods: [.post]) { try ask($0) { _ in .flush } },
        Endpoint(path: "/api/v1/ship/replay", methods: [.post]) { call in
            try ask(call) { call in
                .replay(since: try call.parameters.time("since"))
            }
        },
    ]

    /// What stands in the place of `writing` where it is not done.
    static let refused = writing.map { endpoint in
        Endpoint(path: endpoint.path, methods: endpoint.methods) { _ in
            throw APIError(
                .unavailable,
                "this is done on the agent's Unix socket only, as `ullage ship` does",
                status: .forbidden)
        }
    }

    /// Passes a request on to the sink of the parameter `sink`, or to all.
    private static func ask(
        _ call: APICall, _ request: (APICall) throws -> SinkRequest
    ) throws -> Answer {
        let wanted = try request(call)
        let names = call.parameters.all("sink")
        let all = call.services.sinks().map(\.name)
        for name in names where !all.contains(name) {
            throw APIError(.badData, "there is no sink `\(name)`")
        }
        let asked = (names.isEmpty ? all : names).filter { call.services.askSink($0, wanted) }
        return Answer.success { $0.strings(asked) }
    }

    private static func append(_ status: SinkStatus, to json: inout JSONWriter) {
        json.raw("{\"name\":")
        json.string(status.name)
        json.raw(",\"type\":")
        json.string(status.kind)
        json.raw(",\"target\":")
        json.string(status.target)
        json.raw(",\"activity\":")
        json.string(status.activity.rawValue)
        json.raw(",\"cursor\":")
        json.string(status.cursor)
        for (name, number) in [
            ("lagRecords", status.backlog.records), ("lagBytes", status.backlog.bytes),
            ("records", status.records), ("rawBytes", status.rawBytes), ("bytes", status.bytes),
            ("refused", status.refused), ("gaps", status.gaps),
            ("skipped", status.skipped.values.reduce(0, +)),
        ] {
            json.raw(bytes: Array(",\"\(name)\":\(number)".utf8))
        }
        for (name, time) in [
            ("oldest", status.backlog.oldest), ("lastErrorAt", status.lastErrorAt),
            ("lastSuccessAt", status.lastSuccessAt), ("retryAt", status.retryAt),
        ] {
            guard let time else { continue }
            json.raw(bytes: Array(",\"\(name)\":\(time)".utf8))
        }
        json.raw(",\"attempts\":{")
        for (order, pair) in status.attempts.sorted(by: { $0.key < $1.key }).enumerated() {
            json.raw(bytes: Array("\(order > 0 ? "," : "")\"\(pair.key)\":\(pair.value)".utf8))
        }
        json.raw("}")
        if let error = status.lastError {
            json.raw(",\"lastError\":")
            json.string(error)
        }
        json.raw("}")
    }
}
