// SPDX-License-Identifier: Apache-2.0

import Codecs
import LogQL
import Model

/// Loki's HTTP API: labels, streams and fields.
enum LokiSeriesRoutes {
    static let all = [
        Endpoint(path: "/loki/api/v1/labels", methods: Endpoint.getAndPost) { try names($0) },
        Endpoint(path: "/loki/api/v1/label", methods: Endpoint.getAndPost) { try names($0) },
        Endpoint(path: "/loki/api/v1/label/:name/values", methods: Endpoint.getAndPost) { call in
            let parameters = LokiParameters(call)
            let (start, end) = try parameters.range()
            return LokiJSON.strings(
                try LokiRoutes.engine(call).labelValues(
                    of: call.name, try parameters.matchers("query"), from: start, to: end))
        },
        Endpoint(path: "/loki/api/v1/series", methods: Endpoint.getAndPost) { try series($0) },
        Endpoint(path: "/loki/api/v1/detected_labels", methods: Endpoint.getAndPost) {
            try detectedLabels($0)
        },
        Endpoint(path: "/loki/api/v1/detected_fields", methods: Endpoint.getAndPost) { call in
            let (fields, limit) = try detectedFields(call)
            return Answer(body: describe(fields, limit))
        },
        Endpoint(
            path: "/loki/api/v1/detected_field/:name/values", methods: Endpoint.getAndPost
        ) { call in
            let (fields, limit) = try detectedFields(call)
            let values = fields.first { $0.name == call.name }?.values.sorted() ?? []
            var json = JSONWriter()
            json.raw("{\"values\":")
            json.strings(values.prefix(limit))
            json.raw(",\"limit\":")
            json.integer(Int64(limit))
            json.raw("}")
            return Answer(body: json.bytes)
        },
    ]

    private static func names(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        return LokiJSON.strings(
            try LokiRoutes.engine(call).labelNames(
                try parameters.matchers("query"), from: start, to: end))
    }

    /// Grafana says `match[]`, logcli `match`.
    private static func series(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let engine = try LokiRoutes.engine(call)
        let selectors = call.parameters.all("match[]") + call.parameters.all("match")
        var found: Set<Labels> = []
        for selector in selectors.isEmpty ? ["{}"] : selectors {
            found.formUnion(
                try engine.series(
                    try LokiParameters.matchers(selector.isEmpty ? "{}" : selector), from: start,
                    to: end))
        }
        let all = found.sorted { $0.precedes($1) }
        return Answer.success { json in json.list(all) { $0.labels($1) } }
    }

    private static func detectedLabels(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        var values: [String: Set<String>] = [:]
        let series = try LokiRoutes.engine(call).series(
            try parameters.matchers("query"), from: start, to: end)
        for labels in series {
            for label in labels.pairs { values[label.name, default: []].insert(label.value) }
        }
        var json = JSONWriter()
        json.raw("{\"detectedLabels\":")
        json.list(values.sorted { $0.key < $1.key }) { json, label in
            json.raw("{\"label\":")
            json.string(label.key)
            json.raw(",\"cardinality\":")
            json.integer(Int64(label.value.count))
            json.raw("}")
        }
        json.raw("}")
        return Answer(body: json.bytes)
    }

    private static func detectedFields(_ call: APICall) throws -> ([DetectedField], Int) {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let engine = try LokiRoutes.engine(call)
        let lines = try parameters.limit(
            "line_limit", default: 1000, atMost: engine.options.maxLines)
        let limit = try parameters.limit(default: 1000, atMost: 100_000)
        guard case .lines(let pipeline) = try LokiRoutes.parse(parameters.query) else {
            throw APIError(.badData, "only a query for lines has fields")
        }
        let fields = try engine.detectedFields(
            pipeline, from: start, to: end, lines: lines, options: LokiRoutes.options(call))
        return (fields, limit)
    }

    private static func describe(_ fields: [DetectedField], _ limit: Int) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"fields\":")
        json.list(fields.prefix(limit)) { json, field in
            json.raw("{\"label\":")
            json.string(field.name)
            json.raw(",\"type\":")
            json.string(field.type)
            json.raw(",\"cardinality\":")
            json.integer(Int64(field.values.count))
            json.raw(",\"parsers\":")
            json.strings(field.parsers.sorted())
            json.raw("}")
        }
        json.raw(",\"limit\":")
        json.integer(Int64(limit))
        json.raw("}")
        return json.bytes
    }
}
