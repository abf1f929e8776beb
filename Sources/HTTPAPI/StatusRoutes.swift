// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Model

/// Prometheus' HTTP API v1: what the server is and what it watches.
enum StatusRoutes {
    static let all = [
        Endpoint(path: "/api/v1/targets") { _ in
            lists(["activeTargets": [], "droppedTargets": []])
        },
        Endpoint(path: "/api/v1/status/buildinfo") { buildInfo($0) },
        Endpoint(path: "/api/v1/status/runtimeinfo") { runtimeInfo($0) },
        Endpoint(path: "/api/v1/status/flags") { call in
            Answer.success { $0.object(call.services.status().flags) }
        },
        Endpoint(path: "/api/v1/status/config") { call in
            Answer.success { $0.object([("yaml", call.services.status().configuration)]) }
        },
        Endpoint(path: "/api/v1/status/tsdb") { try seriesCounts($0) },
    ]

    private static func lists(_ lists: KeyValuePairs<String, [[UInt8]]>) -> Answer {
        Answer.success { json in
            json.raw("{")
            for (i, (name, items)) in lists.enumerated() {
                if i > 0 { json.raw(",") }
                json.string(name)
                json.raw(":")
                json.list(items) { $0.raw(bytes: $1) }
            }
            json.raw("}")
        }
    }

    /// Without `features`, by which clients would take this for Mimir.
    private static func buildInfo(_ call: APICall) -> Answer {
        Answer.success { json in
            json.object([
                // The version of Prometheus' API that is spoken, which clients look at.
                ("version", "3.0.0"), ("revision", "ullage-" + call.services.version),
                ("branch", ""), ("buildUser", ""), ("buildDate", ""), ("goVersion", ""),
            ])
        }
    }

    private static func runtimeInfo(_ call: APICall) -> Answer {
        let status = call.services.status()
        return Answer.success { json in
            json.raw("{\"startTime\":")
            json.string(RFC3339.format(status.started))
            json.raw(",\"CWD\":")
            json.string(workingDirectory())
            json.raw(",\"reloadConfigSuccess\":")
            json.raw(status.reloadSucceeded ? "true" : "false")
            json.raw(",\"lastConfigTime\":")
            json.string(RFC3339.format(status.configRead))
            json.raw(",\"corruptionCount\":")
            json.integer(status.quarantined)
            json.raw(",\"storageRetention\":")
            json.string(status.retention)
            json.raw(",\"serverTime\":")
            json.string(RFC3339.format(Parameters.now()))
            json.raw("}")
        }
    }

    private static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    /// Where the series are, of those with samples in the last hour.
    private static func seriesCounts(_ call: APICall) throws -> Answer {
        let limit = try call.parameters.number("limit") ?? 10
        guard limit > 0 else { throw APIError(.badData, "limit must be a positive number") }
        let now = Parameters.now()
        let hour = TimeRange(start: now - 3_600_000, end: now)
        let series = try call.querier.series([], in: hour, limit: 0)
        var byName: [String: Int64] = [:]
        var byPair: [Label: Int64] = [:]
        for labels in series {
            for label in labels.pairs {
                byPair[label, default: 0] += 1
                if label.name == Labels.metricName { byName[label.value, default: 0] += 1 }
            }
        }
        var values: [String: Int64] = [:]
        var bytes: [String: Int64] = [:]
        for label in byPair.keys {
            values[label.name, default: 0] += 1
            bytes[label.name, default: 0] += Int64(label.value.utf8.count)
        }
        let pairs = Dictionary(
            byPair.map { ("\($0.key.name)=\($0.key.value)", $0.value) }, uniquingKeysWith: max)
        return Answer.success { json in
            json.raw("{\"headStats\":{\"numSeries\":")
            json.integer(Int64(series.count))
            json.raw(",\"numLabelPairs\":")
            json.integer(Int64(byPair.count))
            json.raw(",\"chunkCount\":")
            json.integer(Int64(series.count))
            json.raw(",\"minTime\":")
            json.integer(hour.start)
            json.raw(",\"maxTime\":")
            json.integer(hour.end)
            json.raw("}")
            top(byName, limit, ",\"seriesCountByMetricName\":", &json)
            top(values, limit, ",\"labelValueCountByLabelName\":", &json)
            top(bytes, limit, ",\"memoryInBytesByLabelName\":", &json)
            top(pairs, limit, ",\"seriesCountByLabelValuePair\":", &json)
            json.raw("}")
        }
    }

    private static func top(
        _ counts: [String: Int64], _ limit: Int, _ name: StaticString, _ json: inout JSONWriter
    ) {
        json.raw(name)
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        json.list(sorted.prefix(limit)) { json, count in
            json.raw("{\"name\":")
            json.string(count.key)
            json.raw(",\"value\":")
            json.integer(count.value)
            json.raw("}")
        }
    }
}
