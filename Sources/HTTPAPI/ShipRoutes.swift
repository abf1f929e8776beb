// SPDX-License-Identifier: Apache-2.0

import Codecs
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
