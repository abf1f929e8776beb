// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Prometheus' HTTP API v1: series, labels and metadata.
enum SeriesRoutes {
    static let all = [
        Endpoint(path: "/api/v1/series", methods: Endpoint.getAndPost) { try series($0) },
        Endpoint(path: "/api/v1/labels", methods: Endpoint.getAndPost) { call in
            let (limit, range, querier) = (
                try call.parameters.limit(), try call.range(), call.querier
            )
            var names: Set<String> = []
            for selector in try call.selectors(required: false) {
                names.formUnion(try querier.labelNames(selector, in: range))
            }
            return Answer.strings(sorted(names), limit: limit)
        },
        Endpoint(path: "/api/v1/label/:name/values") { call in
            let name = LabelNames.unescape(call.name)
            guard !name.isEmpty else {
                throw APIError(.badData, "invalid label name: \"\(name)\"")
            }
            let (limit, range, querier) = (
                try call.parameters.limit(), try call.range(), call.querier
            )
            var values: Set<String> = []
            for selector in try call.selectors(required: false) {
                values.formUnion(try querier.labelValues(of: name, selector, in: range))
            }
            return Answer.strings(sorted(values), limit: limit)
        },
        Endpoint(path: "/api/v1/metadata") { try metadata($0) },
        Endpoint(path: "/api/v1/targets/metadata") { try targetMetadata($0) },
    ]

    /// Bytewise, as Prometheus sorts.
    private static func sorted(_ texts: Set<String>) -> [String] {
        texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func series(_ call: APICall) throws -> Answer {
        let limit = try call.parameters.limit()
        let selectors = try call.selectors(required: true)
        let (range, querier) = (try call.range(), call.querier)
        // One more than asked for tells whether there are more.
        let wanted = limit == .max ? 0 : limit + 1
        var found: Set<Labels> = []
        for selector in selectors {
            found.formUnion(try querier.series(selector, in: range, limit: wanted))
        }
        let all = found.sorted { $0.precedes($1) }
        return Answer.success(warnings: all.count > limit ? [Answer.truncated] : []) { json in
            json.list(all.prefix(limit)) { $0.labels($1) }
        }
    }

    private static func metadata(_ call: APICall) throws -> Answer {
        let limit = try call.parameters.number("limit") ?? -1
        let perMetric = try call.parameters.number("limit_per_metric") ?? -1
        let name = call.parameters.first("metric")
        let all = try call.querier.metadata().filter { name == nil || $0.name == name }
        return Answer.success { json in
            json.raw("{")
            for (i, metric) in all.prefix(limit < 0 ? .max : limit).enumerated() {
                if i > 0 { json.raw(",") }
                json.string(metric.name)
                json.raw(":")
                json.list([metric].prefix(perMetric < 0 ? 1 : perMetric)) { json, metric in
                    json.raw("{")
                    describe(metric, &json)
                    json.raw("}")
                }
            }
            json.raw("}")
        }
    }

    /// The agent is its own only target.
    private static func targetMetadata(_ call: APICall) throws -> Answer {
        let limit = try call.parameters.number("limit") ?? -1
        let name = call.parameters.first("metric")
        let all = try call.querier.metadata().filter { name == nil || $0.name == name }
        return Answer.success { json in
            json.list(all.prefix(limit < 0 ? .max : limit)) { json, metric in
                json.raw("{\"target\":{\"job\":\"ullage\"}")
                if name == nil {
                    json.raw(",\"metric\":")
                    json.string(metric.name)
                }
                json.raw(",")
                describe(metric, &json)
                json.raw("}")
            }
        }
    }

    private static func describe(_ metric: MetricDescriptor, _ json: inout JSONWriter) {
        json.raw("\"type\":")
        json.string(metric.type.rawValue)
        json.raw(",\"help\":")
        json.string(metric.help)
        json.raw(",\"unit\":")
        json.string(metric.unit)
    }
}

/// Names as they are put into addresses.
enum LabelNames {
    /// Undoes the `U__` escaping (https://prometheus.io/docs/instrumenting/escaping_schemes/):
    /// `__` is an underscore, `_2e_` the character of that number. What is not well formed stays.
    static func unescape(_ text: String) -> String {
        guard text.hasPrefix("U__") else { return text }
        var rest = Array(text.utf8)[3...]
        var result = ""
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "_") else {
                result.unicodeScalars.append(Unicode.Scalar(byte))
                continue
            }
            guard let end = rest.firstIndex(of: UInt8(ascii: "_")) else { return text }
            let digits = rest[..<end]
            rest = rest[(end + 1)...]
            if digits.isEmpty {
                result += "_"
            } else if digits.count <= 6,
                let number = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
                let scalar = Unicode.Scalar(number)
            {
                result.unicodeScalars.append(scalar)
            } else {
                return text
            }
        }
        return result
    }
}
