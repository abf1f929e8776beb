// SPDX-License-Identifier: Apache-2.0

import Codecs

/// `/api/v1/events`: what happened to containers, oldest first. `start` and `end` bound the time,
/// `after` the number, `limit` takes the last so many (1,000 unless given), `filter` is
/// `NAME=VALUE` and may be repeated. `last` in the answer is what `after` is given next.
enum EventsRoute {
    private static let maxLimit = 100_000

    static let endpoint = Endpoint(path: "/api/v1/events") { call in
        let limit = try call.parameters.number("limit") ?? 1000
        guard (1...maxLimit).contains(limit) else {
            throw APIError.parameter("limit", "expected a number from 1 to \(maxLimit)")
        }
        let request = EventRequest(
            range: try call.range(), after: Int64(try call.parameters.number("after") ?? 0),
            limit: limit, filters: call.parameters.all("filter"))
        guard let (lines, last) = call.services.events(request) else {
            throw APIError.parameter("filter", "expected NAME=VALUE with a known name")
        }
        return Answer.success { json in
            json.raw("{\"last\":")
            json.integer(last)
            json.raw(",\"events\":")
            json.list(lines) { $0.raw(bytes: $1) }
            json.raw("}")
        }
    }
}
