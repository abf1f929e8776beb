// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird

/// Silences and tests of receivers. The paths of silences are Alertmanager's, so that amtool lists
/// them; what changes something is done on the Unix socket only.
enum AlertRoutes {
    static let reading = [
        Endpoint(path: "/api/v2/silences") { Answer(body: $0.services.alerting.silences()) },
        Endpoint(path: "/api/v2/receivers") { call in
            var json = JSONWriter()
            json.list(call.services.alerting.receivers()) { json, name in
                json.object([("name", name)])
            }
            return Answer(body: json.bytes)
        },
        Endpoint(path: "/api/v1/alertmanagers") { call in
            Answer.success { json in
                json.raw("{\"activeAlertmanagers\":")
                json.list(call.services.alerting.alertmanagers()) { json, url in
                    json.object([("url", url)])
                }
                json.raw(",\"droppedAlertmanagers\":[]}")
            }
        },
    ]

    static let writing = [
        Endpoint(path: "/api/v2/silences", methods: [.post], takesBody: true) { call in
            let id = try refusing { () throws(AlertServices.Refusal) in
                try call.services.alerting.addSilence(call.body)
            }
            var json = JSONWriter()
            json.object([("silenceID", id)])
            return Answer(body: json.bytes)
        },
        Endpoint(path: "/api/v2/silence/:name", methods: [.delete]) { call in
            try refusing { () throws(AlertServices.Refusal) in
                try call.services.alerting.expireSilence(call.name)
            }
            return Answer(body: Array("{}".utf8))
        },
        Endpoint(path: "/api/v1/alerts/test", methods: [.post]) { try test($0) },
    ]

    /// What stands in the place of `writing` where it is not done.
    static let refused = writing.map { endpoint in
        Endpoint(path: endpoint.path, methods: endpoint.methods, takesBody: endpoint.takesBody) {
            _ in
            throw APIError(
                .unavailable,
                "this is done on the agent's Unix socket only, as `ullage alerts` does",
                status: .forbidden)
        }
    }

    private static func refusing<T>(
        _ body: () throws(AlertServices.Refusal) -> T
    ) throws(APIError) -> T {
        do { return try body() } catch { throw APIError(.badData, error.reason) }
    }

    private static func test(_ call: APICall) throws(APIError) -> Answer {
        guard let name = call.parameters.first("receiver") else {
            throw .parameter("receiver", "expected a receiver's name")
        }
        guard let outcomes = call.services.alerting.test(name) else {
            let known = call.services.alerting.receivers()
            throw APIError(
                .notFound,
                "there is no receiver \"\(name.prefix(100))\"; "
                    + (known.isEmpty
                        ? "there are none" : "known are " + known.joined(separator: ", "))
            )
        }
        return Answer.success { json in
            json.list(outcomes) { json, outcome in
                json.raw("{\"name\":")
                json.string(outcome.name)
                json.raw(",\"error\":")
                if let error = outcome.error { json.string(error) } else { json.raw("null") }
                json.raw("}")
            }
        }
    }
}
